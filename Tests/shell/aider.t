#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the model
# Aider as an agent, the real program against a model on loopback. Only with CADRE_TEST_AIDER=1: it takes minutes and 700 MB
# to get.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
if [ "${CADRE_TEST_AIDER-}" != 1 ]; then
  echo "ok 1 - skipped, CADRE_TEST_AIDER=1 is not set"
  echo 1..1
  exit 0
fi
a_fetch aider
t_world
a_model
cd "$(t_repository)" || exit 1
export AIDER_MODEL=anthropic/claude-test ANTHROPIC_API_BASE=$ANTHROPIC_BASE_URL AIDER_CHECK_UPDATE=false AIDER_ANALYTICS_DISABLE=true \
  AIDER_SHOW_MODEL_WARNINGS=false AIDER_SHOW_RELEASE_NOTES=false AIDER_GITIGNORE=false AIDER_MAP_TOKENS=0
git config cadre.gate true
cadre init -q

cadre spawn -q one --agent aider
wait_for 30 is_state one idle
ok "it is ready"
like "$(cadre peek one | grep -v '^$' | tail -n 1)" ">*" "its input line is there"
id=$(cadre send one 'words for it' | cut -f 1)
asked() { jq -e 'select(.body | tostring | contains("You have mail from"))' "$t_dir/model.log"; }
wait_for 30 asked
ok "that there is mail is typed to it, and its model hears of it"
is "$(cadre inbox --as one | cut -f 1)" "$id" "which has no tools, so the mail stays unread"

# Without a terminal: a task is its message, and what it has committed is handed in for it.
cadre spawn -q two --agent aider --headless
id=$(cadre task add --to two 'make it' '%say made\n```\nby aider\n```')
code 0 "it does a task" cadre task wait --timeout 120s "$id"
is "$(git show main:made)" "by aider" "which has landed"
code 0 "the bus is sound" cadre doctor
cadre retire -q --discard one two
is "$(git status --porcelain)" "" "retired, nothing of it is left"
t_end
