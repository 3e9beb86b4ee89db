# shellcheck shell=bash
# shellcheck disable=SC2154 # what lib.sh sets
# For tests with the real agent programs, sourced after lib.sh and before t_world: they are got, made to believe that
# their user has been through their first start, and talk to nobody but a model on 127.0.0.1 (see `model`).

# Ends the test with one line where a program can't be had.
a_fetch() { # claude|codex...
  local name path
  for name; do
    if ! path=$("$t_agents/fetch" "$name" 2>"$t_dir/err"); then
      echo "# shown skipped: $(tail -n 1 "$t_dir/err")"
      echo "ok 1 - skipped, there is no $name"
      echo 1..1
      exit 0
    fi
    mkdir -p "$t_dir/bin"
    ln -sf "$path" "$t_dir/bin/$name"
  done
}
t_agents=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The model alone, where it was before; and nobody there.
a_model_up() {
  "$t_agents/model" "$t_dir/model" ${a_port:+"$a_port"} 2>"$t_dir/model.err" &
  a_model_pid=$!
  wait_for 10 test -s "$t_dir/model" || cat "$t_dir/model.err"
  a_port=$(cat "$t_dir/model")
}
a_model_down() {
  kill "$a_model_pid"
  wait "$a_model_pid"
  rm "$t_dir/model"
}

# The model, and the environment that leads there. To be called after t_world.
a_model() {
  a_port=
  # shellcheck disable=SC2016 # for when it ends
  t_finally 'kill "$a_model_pid" 2>/dev/null'
  a_model_up
  export ANTHROPIC_BASE_URL="http://127.0.0.1:$a_port" ANTHROPIC_API_KEY=sk-ant-no-key-but-a-word-of-the-test
  export CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_AUTOUPDATER=1 DISABLE_TELEMETRY=1 IS_SANDBOX=1
  export A_MODEL_KEY=no-key NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
  unset CLAUDE_CONFIG_DIR CODEX_HOME OPENAI_API_KEY OPENAI_BASE_URL HTTP_PROXY HTTPS_PROXY http_proxy https_proxy
}

# What the user of claude and of codex has after a first start, with this repository trusted.
a_user() { # REPOSITORY
  jq -n --arg at "$1" --arg key "${ANTHROPIC_API_KEY: -20}" '{
    hasCompletedOnboarding: true, theme: "dark", hasSeenAutoDefaultNotice: true, hasSeenAutoDefaultNudge: true,
    officialMarketplaceAutoInstallAttempted: true,
    customApiKeyResponses: {approved: [$key], rejected: []}, projects: {($at): {hasTrustDialogAccepted: true}}
  }' >"$HOME/.claude.json"
  mkdir -p "$HOME/.codex" "$HOME/.claude"
  echo '{"permissions": {"defaultMode": "manual"}}' >"$HOME/.claude/settings.json"
  cat >"$HOME/.codex/config.toml" <<END
model = "test"
model_provider = "test"
check_for_update_on_startup = false
[model_providers.test]
name = "test"
base_url = "http://127.0.0.1:$a_port/v1"
env_key = "A_MODEL_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
[projects."$1"]
trust_level = "trusted"
[analytics]
enabled = false
[feedback]
enabled = false
END
}
