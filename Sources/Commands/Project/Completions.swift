import ArgumentParser
import Bus
import CommandKit
import Storage

package struct CompletionsVerb: Verb {
    package static let configuration = CommandConfiguration(
        verb: "completions", abstract: "Print a shell completion script.")
    @OptionGroup package var common: Common
    @Argument(help: "bash, zsh or fish; or 'for': complete the last of the words after --.") var what: String
    @Argument(parsing: .postTerminator, help: "The words of the command line so far.") var words: [String] = []
    package init() {}

    package func run(_ tool: CommandContext) throws {
        let names = CommandTable.all.map(\.name)
        if tool.common.json, what != "for" {
            throw Failure.usage("a completion script has no JSON: leave out --json")
        }
        switch what {
        case "bash": Output.raw(Array(Scripts.bash(names).utf8))
        case "zsh": Output.raw(Array(Scripts.zsh(names).utf8))
        case "fish": Output.raw(Array(Scripts.fish(names).utf8))
        case "for":
            for word in Completion.of(words) {
                tool.print(
                    word.about.isEmpty ? [word.text] : [word.text, word.about],
                    json: ["word": .string(word.text), "about": .string(word.about)])
            }
        default: throw Failure.usage("no shell '\(Names.shown(what))': use bash, zsh or fish")
        }
    }
}

/// The shells' side: each asks `cadre completions for` on every completion, which answers from the verbs' own
/// declarations and from the bus. No text is evaluated by a shell: bash's `compgen -W` would expand it.
enum Scripts {
    static func bash(_ verbs: [String]) -> String {
        let commands = (["cadre"] + verbs.map { "cadre-\($0)" }).joined(separator: " ")
        return #"""
            # Completions of cadre for bash.
            _cadre() {
              local IFS=$'\n' word rest=${COMP_LINE:0:COMP_POINT} words=() glued= line
              # bash divides at characters such as = and @: what stands together is one word again. It replaces
              # what is behind the last of them, and an @ too.
              for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
                [[ $rest == [[:space:]]* ]] && glued=
                rest=${rest#"${rest%%[![:space:]]*}"}
                if [[ $glued ]]; then words[${#words[@]}-1]+=$word; else words+=("$word"); fi
                rest=${rest#"$word"} glued=1
              done
              local all=${words[${#words[@]}-1]} last=${COMP_WORDS[COMP_CWORD]}
              case $last in = | : | @) last= ;; esac
              local before=${all%"$last"}
              before=${before%@}
              COMPREPLY=()
              while read -r line; do
                line=${line%%$'\t'*}
                case $line in
                  :files | :directories)
                    local kind=-f
                    [ "$line" = :files ] || kind=-d
                    compopt -o filenames 2>/dev/null
                    while read -r line; do COMPREPLY+=("$line"); done < <(compgen "$kind" -- "$last")
                    ;;
                  *) COMPREPLY+=("${line#"$before"}") ;;
                esac
              done < <(cadre completions for -- "${words[@]}" 2>/dev/null)
            }
            complete -F _cadre \#(commands)

            """#
    }

    static func zsh(_ verbs: [String]) -> String {
        let commands = (["cadre"] + verbs.map { "cadre-\($0)" }).joined(separator: " ")
        return #"""
            #compdef \#(commands)
            # Completions of cadre for zsh.
            _cadre() {
              local line
              local -a names shown
              for line in ${(f)"$(cadre completions for -- "${(@Q)words[1,CURRENT]}" 2>/dev/null)"}; do
                case $line in
                  :files) _files && return ;;
                  :directories) _files -/ && return ;;
                  *)
                    names+=("${line%%$'\t'*}")
                    shown+=("${line/$'\t'/  }")
                    ;;
                esac
              done
              (( $#names )) && compadd -l -d shown -a names
            }
            if [ "$funcstack[1]" = _cadre ]; then _cadre "$@"; else compdef _cadre \#(commands); fi

            """#
    }

    static func fish(_ verbs: [String]) -> String {
        return #"""
            # Completions of cadre for fish.
            function __cadre_complete
                set -l words (commandline -opc)
                for line in (cadre completions for -- $words "$(commandline -ct)" 2>/dev/null)
                    switch $line
                        case :files
                            __fish_complete_path (commandline -ct)
                        case :directories
                            __fish_complete_directories (commandline -ct)
                        case '*'
                            echo $line
                    end
                end
            end
            for command in cadre \#(verbs.map { "cadre-\($0)" }.joined(separator: " "))
                complete -c $command -f -a '(__cadre_complete)'
            end

            """#
    }
}
