package operate

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown by kong.
func (completionCmd) Help() string {
	return `For bash, add to ~/.bashrc:   source <(rollcall completion bash)
For zsh, add to ~/.zshrc:     source <(rollcall completion zsh)
For fish:                     rollcall completion fish > ~/.config/fish/completions/rollcall.fish`
}

// Run prints the script.
func (c completionCmd) Run(k *kong.Kong, out *Output) error {
	words := completions(k.Model.Node)
	switch c.Shell {
	case "fish":
		return fish(out.Stdout, words)
	case "zsh":
		if _, err := io.WriteString(out.Stdout, "autoload -U +X bashcompinit && bashcompinit\n"); err != nil {
			return err
		}
	}
	return bash(out.Stdout, words)
}

// completion is what may follow a sequence of commands.
type completion struct {
	path     string // "webhook secret", empty for the program itself
	commands []word
	flags    []word
}

type word struct{ text, help string }

// completions walks through the commands, in order, with the flags of those above.
func completions(root *kong.Node) []completion {
	var all []completion
	var walk func(n *kong.Node, path []string, inherited []word)
	walk = func(n *kong.Node, path []string, inherited []word) {
		here := completion{path: strings.Join(path, " "), flags: slices.Clone(inherited)}
		for _, f := range n.Flags {
			if !f.Hidden {
				here.flags = append(here.flags, word{"--" + f.Name, f.Help})
			}
		}
		at := len(all)
		all = append(all, here)
		for _, child := range n.Children {
			if child.Hidden || child.Type != kong.CommandNode {
				continue
			}
			all[at].commands = append(all[at].commands, word{child.Name, child.Help})
			walk(child, append(slices.Clone(path), child.Name), here.flags)
		}
	}
	walk(root, nil, nil)
	return all
}

// bash prints a function that finds the commands among the words so far. It is
// what zsh runs as well.
func bash(w io.Writer, all []completion) error {
	var b strings.Builder
	b.WriteString(`_rollcall() {
  local current="${COMP_WORDS[COMP_CWORD]}" path="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
    case "${path:+$path }$word" in
`)
	for _, c := range all {
		if c.path != "" {
			fmt.Fprintf(&b, "      %q) path=\"${path:+$path }$word\" ;;\n", c.path)
		}
	}
	b.WriteString("    esac\n  done\n  local words=\"\"\n  case \"$path\" in\n")
	for _, c := range all {
		fmt.Fprintf(&b, "    %q)\n      if [[ \"$current\" == -* ]]; then words=%q; else words=%q; fi ;;\n", c.path, texts(c.flags), texts(c.commands))
	}
	b.WriteString(`  esac
  if [[ -z "$words" && "$current" != -* || "${COMP_WORDS[COMP_CWORD-1]}" == --* ]]; then
    local found="$(rollcall __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1)"
    if [[ -n "$found" || -z "$words" ]]; then words="$found"; fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _rollcall rollcall
`)
	_, err := io.WriteString(w, b.String())
	return err
}

func texts(words []word) string {
	var list []string
	for _, w := range words {
		list = append(list, w.text)
	}
	return strings.Join(list, " ")
}

// fish prints one line for each word that may follow.
func fish(w io.Writer, all []completion) error {
	var b strings.Builder
	b.WriteString(`function __rollcall_at
  set -l path
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; or set -a path $word
  end
  set -l want (string split -n ' ' -- $argv[1])
  test (count $path) -ge (count $want); or return 1
  test (count $want) -eq 0; or test "$path[1..(count $want)]" = "$want"; or return 1
  test "$argv[2]" = flags; or test (count $path) -eq (count $want)
end
function __rollcall_words
  rollcall __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null
end
complete -c rollcall -f
complete -c rollcall -a '(__rollcall_words)'
`)
	for _, c := range all {
		for _, cmd := range c.commands {
			fmt.Fprintf(&b, "complete -c rollcall -n '__rollcall_at %q' -a %s -d %s\n", c.path, cmd.text, quoted(cmd.help))
		}
		if len(c.commands) == 0 || c.path == "" {
			for _, f := range c.flags {
				fmt.Fprintf(&b, "complete -c rollcall -n '__rollcall_at %q flags' -l %s -d %s\n", c.path, strings.TrimPrefix(f.text, "--"), quoted(f.help))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quoted writes a text for fish.
func quoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
