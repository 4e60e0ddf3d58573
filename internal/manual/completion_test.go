package manual

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/peers"
)

// completions are command lines, the last word of which is to be completed,
// and what must and must not be offered.
var completions = []struct {
	line      []string
	want, not []string
}{
	{line: []string{"nbddump", "--le"}, want: []string{"--length"}, not: []string{"--limit", "--offset"}},
	{line: []string{"nbddump", "-"}, want: []string{"-n", "-o", "--length", "--skip", "--no-color"}, not: []string{"--colour", "--colours"}},
	{line: []string{"nbddump", "--color=a"}, want: []string{"always", "auto"}, not: []string{"never"}},
	{line: []string{"nbddump", "-n", "7", "nbd+u"}, want: []string{"nbd+unix:///?socket="}, not: []string{"nbd://"}},
	{line: []string{"nbddump", "-n7", ""}, want: []string{"nbd://", "["}},
	{line: []string{"nbddump", "--length", ""}, not: []string{"nbd://", "[", "file1"}},
	{line: []string{"nbddump", "nbd://h", ""}, not: []string{"nbd://", "[", "file1"}},
	{line: []string{"nbddump", "nbd+unix:///?socket=fi"}, want: []string{"file1", "file2"}},
	{line: []string{"nbddump", "[", "some-serv"}, want: []string{"some-server"}},
	{line: []string{"nbddump", "[", "some-server", "fi"}, want: []string{"file1", "file2"}},
	{line: []string{"nbddump", "[", "some-server", ""}, want: []string{"]", "file1"}, not: []string{"nbd://"}},
	{line: []string{"nbddump", "[", "some-server", "-"}, not: []string{"--length"}},
	{line: []string{"nbddump", "[", "some-server", "]", "--le"}, want: []string{"--length"}},
	{line: []string{"nbdcopy", "--con"}, want: []string{"--connections"}, not: []string{"-C", "--allocated"}},
	{line: []string{"nbdcopy", "--blkhash=sha"}, want: []string{"sha1", "sha256", "sha512"}, not: []string{"md5"}},
	{line: []string{"nbdcopy", "--blkhash-file", ""}, want: []string{"file1", "file2"}, not: []string{"null:", "nbd://"}},
	{line: []string{"nbdcopy", "fi"}, want: []string{"file1", "file2"}, not: []string{"null:"}},
	{line: []string{"nbdcopy", "-pC", "3", "file1", "nu"}, want: []string{"null:"}},
	{line: []string{"nbdcopy", "[", "some-server", "[", "]", "x", "]", "nu"}, want: []string{"null:"}},
	{line: []string{"nbdcopy", "file1", "file2", ""}, not: []string{"file1", "null:", "["}},
	{line: []string{"nbdserve", "--tls", ""}, want: []string{"on", "off", "require"}, not: []string{"file1"}},
	{line: []string{"nbdserve", "--tls-certificates", "fo"}, want: []string{"folder"}, not: []string{"file1"}},
	{line: []string{"nbdserve", "m"}, want: []string{"memory"}},
	{line: []string{"nbdsh", "-u", "nbds"}, want: []string{"nbds://"}, not: []string{"nbd://"}},
	{line: []string{"nbdsh", "-c", "x", "--op"}, want: []string{"--opt-mode"}},
	{line: []string{"nbdsh", "file1", "--op"}, not: []string{"--opt-mode"}},
	{line: []string{"nbdsh", "file1", "fi"}, want: []string{"file1", "file2"}},
	{line: []string{"nbdfuse", "fo"}, want: []string{"folder"}},
	{line: []string{"nbdfuse", "folder", "--"}, want: []string{"--command", "--unix"}, not: []string{"--readonly"}},
	{line: []string{"nbdfuse", "-r", "folder", "nbd"}, want: []string{"nbd://"}},
	{line: []string{"nbdfuse", "folder", "--unix", "fi"}, want: []string{"file1", "file2"}},
	{line: []string{"nbdfuse", "folder", "--command", "some-serv"}, want: []string{"some-server"}},
	{line: []string{"nbdfuse", "folder", "--command", "some-server", "fi"}, want: []string{"file1", "file2"}},
	{line: []string{"nbdublk", "-", ""}, want: []string{"nbd://", "["}},
	{line: []string{"nbdinfo", "--can", "f"}, want: []string{"fast-zero", "flush", "fua"}, not: []string{"df"}},
	{line: []string{"nbdinfo", "--isnt=read"}, want: []string{"read", "read-only"}},
	{line: []string{"nbdinfo", "--map", "nbd+v"}, want: []string{"nbd+vsock://"}},
	{line: []string{"nbdinfo", "--map=base"}, want: []string{"base:allocation"}, not: []string{"qemu:"}},
}

// init adds a line for each tool, which is completed by all of its options.
func init() {
	for _, p := range Pages() {
		test := completions[0]
		test.line, test.want, test.not = []string{p.Name, "-"}, nil, nil
		for _, o := range p.Options {
			if !o.Mode {
				test.want = append(test.want, o.Names...)
			}
		}
		completions = append(completions, test)
	}
}

// place makes a folder with the completions, some files, and a command.
func place(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range Files() {
		path := filepath.Join(dir, "share", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"work/file1", "work/file2", "work/folder/file3", "bin/some-server"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir, append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir, "LC_ALL=C.UTF-8",
		"PATH="+filepath.Join(dir, "bin")+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

// check compares what is offered with what is expected. The offers may have
// the value of an option or a parameter with what stands before it.
func check(t *testing.T, line []string, offered, want, not []string) {
	t.Helper()
	has := func(word string) bool {
		last := line[len(line)-1]
		whole := last[:strings.LastIndex(last, "=")+1] + word
		return slices.Contains(offered, word) || slices.Contains(offered, whole) || slices.Contains(offered, word+"/")
	}
	for _, w := range want {
		if !has(w) {
			t.Errorf("%q is not completed by %s, but by %q", line, w, offered)
		}
	}
	for _, w := range not {
		if has(w) {
			t.Errorf("%q is completed by %s, among %q", line, w, offered)
		}
	}
	if sorted := slices.Sorted(slices.Values(offered)); len(slices.Compact(sorted)) != len(offered) {
		t.Errorf("%q is completed by the same twice: %q", line, offered)
	}
}

// bashWords splits a word as bash does for COMP_WORDS, at = and :.
func bashWords(line []string) []string {
	var words []string
	for _, word := range line {
		for {
			i := strings.IndexAny(word, "=:")
			if i < 0 {
				break
			}
			if i > 0 {
				words = append(words, word[:i])
			}
			words = append(words, word[i:i+1])
			word = word[i+1:]
			if word == "" {
				break
			}
		}
		if last := len(words) - 1; word != "" || last < 0 || words[last] != "=" && words[last] != ":" {
			words = append(words, word)
		}
	}
	return words
}

func TestBash(t *testing.T) {
	peers.Bookworm.Need(t, "bash")
	dir, env := place(t)
	const script = `
set -u
tool=$1
source "../share/bash-completion/completions/$tool"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
type -t "_$tool" >/dev/null && [[ $(complete -p "$tool") == *" -F _$tool $tool" ]] && "_$tool"
for word in "${COMPREPLY[@]}"; do printf '%s\n' "$word"; done
`
	for _, test := range completions {
		for _, words := range [][]string{bashWords(test.line), test.line} {
			cmd := exec.Command("bash", append([]string{"--norc", "-c", script, "bash"}, words...)...)
			cmd.Dir, cmd.Env = filepath.Join(dir, "work"), env
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil || stderr.Len() > 0 {
				t.Errorf("%q: %v\n%s", words, err, &stderr)
			}
			if len(words) == len(test.line) && strings.HasPrefix(words[len(words)-1], "nbd") && strings.Contains(words[len(words)-1], "=") {
				continue // without a break at "=" files behind it can't be completed
			}
			check(t, words, lines(string(out)), test.want, test.not)
		}
	}
}

func TestFish(t *testing.T) {
	peers.Bookworm.Need(t, "fish")
	dir, env := place(t)
	const script = `
source ../share/fish/vendor_completions.d/$argv[1].fish
complete -C (string join ' ' -- (string escape -n -- $argv[1..-2]) $argv[-1])
`
	for _, test := range completions {
		cmd := exec.Command("fish", append([]string{"--no-config", "-c", script}, test.line...)...)
		cmd.Dir, cmd.Env = filepath.Join(dir, "work"), env
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || stderr.Len() > 0 {
			t.Errorf("%q: %v\n%s", test.line, err, &stderr)
		}
		offered := lines(string(out))
		for i := range offered {
			offered[i], _, _ = strings.Cut(offered[i], "\t")
		}
		check(t, test.line, offered, test.want, test.not)
	}
}

func lines(s string) []string {
	return slices.DeleteFunc(strings.Split(s, "\n"), func(l string) bool { return l == "" })
}

// TestZsh has zsh complete a line at its first prompt, on a terminal that the
// module zpty makes, and looks at what the completion adds.
func TestZsh(t *testing.T) {
	peers.Bookworm.Need(t, "zsh")
	dir, env := place(t)
	const rc = `
PROMPT= TERM=dumb
fpath=($HOME/share/zsh/site-functions $fpath)
autoload -Uz compinit
compinit -u -d $HOME/zcompdump
compadd() {
	if [[ " ${(j: :)@[1,(i)(-|--)]}" == *' -'[a-zA-Z]#[OAD]* ]]; then
		builtin compadd "$@"
		return
	fi
	local -a hits
	builtin compadd -A hits "$@"
	print -rl -- $hits >>$OFFERED
	builtin compadd "$@"
}
zle-line-init() {
	BUFFER=$LINE CURSOR=$#LINE
	{ zle complete-word } 2>>$COMPLAINTS
	exit
}
setopt extended_glob no_auto_list # a long list would be asked about
zle -N zle-line-init
`
	if err := os.WriteFile(filepath.Join(dir, ".zshrc"), []byte(rc), 0o644); err != nil {
		t.Fatal(err)
	}
	const script = `zmodload zsh/zpty && zpty z exec zsh -d -i && while zpty -r z line; do :; done`
	for _, test := range completions {
		offered, complaints := filepath.Join(dir, "offered"), filepath.Join(dir, "complaints")
		for _, name := range []string{offered, complaints} {
			if err := os.WriteFile(name, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "zsh", "-f", "-c", script)
		cmd.WaitDelay = 30 * time.Second
		cmd.Dir = filepath.Join(dir, "work")
		cmd.Env = append(slices.Clone(env), "ZDOTDIR="+dir, "OFFERED="+offered, "COMPLAINTS="+complaints, "LINE="+strings.Join(test.line, " "))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		read := func(name string) string {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		if text := read(complaints); text != "" {
			t.Errorf("%q: %s", test.line, text)
		}
		// Quoted as they would be in the line.
		list := lines(strings.ReplaceAll(read(offered), `\`, ""))
		slices.Sort(list) // files are tried in several ways
		check(t, test.line, slices.Compact(list), test.want, test.not)
	}
}
