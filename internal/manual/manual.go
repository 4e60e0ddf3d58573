// Package manual is the manual of the tools: what section 1 of the manual says
// of each, as data, one file a tool. Manual pages and the completion of shells
// are made from it, and a test compares it with the options that the tools
// have.
//
// The texts are in the markup of package roff. The package never touches a
// file, and runs nothing.
package manual

import (
	"slices"
	"strings"

	"github.com/gonbd/gonbd/internal/roff"
)

// Page is the manual page of a tool.
type Page struct {
	Name     string
	Short    string   // what it does, in a few words
	Synopsis []string // ways to call it, without its name

	Description string
	Options     []Option
	// Leading says that the options end with the first word that is none.
	Leading bool
	// Operands are the words that are no options, for completion. A tool that
	// takes any number of them has Rest for those behind.
	Operands []Operand
	Rest     *Operand

	Sections    []Section // between the options and the environment
	Environment []Term
	Files       []Term
	Exit        []Term // exit codes
	Examples    []Example
	Differences string // from the C tool of the same name
	SeeAlso     []string
}

// Option is an option of a tool.
type Option struct {
	// Names begin with their dashes: "-C", "--connections". Spellings are
	// further ones that the page mentions in passing, and completion doesn't
	// offer.
	Names, Spellings []string

	Arg      string // what its argument stands for; "" if there is none
	Optional bool   // the argument may be left out, and stands behind "=" of the long name if not
	Values   Values // of the argument

	Brief string // for the menu of a completion: one line without a full stop
	Text  string // for the page

	Many bool // may be given several times
	// Mode says that the option tells what the operands are that come last.
	// Such options need not be in the list that the tool prints.
	Mode bool
	// Command says that the words behind are a command and its arguments.
	Command bool
}

// Operand is a word of the command line that is no option.
type Operand struct {
	Name   string // in capital letters
	Values Values
}

// Values say what a word can be, for completion.
type Values struct {
	Words   []string // these
	Files   bool     // or a file
	Folders bool     // or a folder
	Server  bool     // or an NBD URI
	Command bool     // or a command in brackets
}

// Section is a section of a page.
type Section struct{ Title, Text string }

// Term is a word and what it means.
type Term struct{ Name, Text string }

// Example is a command line, or several, and what is to be said of it.
type Example struct{ Text, Command string }

// Pages gives the pages of all tools, in alphabetical order.
func Pages() []*Page {
	pages := slices.Clone(all)
	slices.SortFunc(pages, func(a, b *Page) int { return strings.Compare(a.Name, b.Name) })
	return pages
}

// Find gives the page of a tool, or nil.
func Find(name string) *Page {
	for _, p := range all {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Files gives all that is made of the manual, by its path below a folder such
// as /usr/share.
func Files() map[string]string {
	files := map[string]string{}
	for _, p := range all {
		files["man/man1/"+p.Name+".1"] = p.Roff()
		files["bash-completion/completions/"+p.Name] = p.Bash()
		files["zsh/site-functions/_"+p.Name] = p.Zsh()
		files["fish/vendor_completions.d/"+p.Name+".fish"] = p.Fish()
	}
	return files
}

// generator is named in all that is made.
const generator = "internal/gen/man from the texts in internal/manual."

// Roff gives the page in the man macros.
func (p *Page) Roff() string {
	var w roff.Writer
	w.Header(roff.Header{Generator: generator, Name: p.Name, Section: 1, Manual: "NBD tools", Short: p.Short})
	w.Section("SYNOPSIS")
	w.Synopsis(p.Name, p.Synopsis)
	w.Section("DESCRIPTION")
	w.Prose(p.Description)
	w.Section("OPTIONS")
	for _, o := range p.Options {
		w.Item(roff.Option(o.heading()), o.Text)
	}
	w.Item(roff.Option("--long-options, --short-options"), `
Print the tool's long or short options, one a line, and exit. This is for the
completion of shells.`)
	for _, s := range p.Sections {
		w.Section(strings.ToUpper(s.Title))
		w.Prose(s.Text)
	}
	terms(&w, "ENVIRONMENT", p.Environment)
	terms(&w, "FILES", p.Files)
	terms(&w, "EXIT STATUS", p.Exit)
	w.Section("EXAMPLES")
	for _, e := range p.Examples {
		w.Prose(e.Text)
		w.Prose("\t" + strings.ReplaceAll(strings.Trim(e.Command, "\n"), "\n", "\n\t"))
	}
	if p.Differences != "" {
		w.Section("DIFFERENCES FROM LIBNBD'S TOOL")
		w.Prose(p.Differences)
	}
	w.Section("SEE ALSO")
	w.Prose(strings.Join(p.SeeAlso, ", ") + ".")
	return w.String()
}

func terms(w *roff.Writer, title string, list []Term) {
	if len(list) == 0 {
		return
	}
	w.Section(title)
	for _, t := range list {
		w.Item(roff.Literal(t.Name), t.Text)
	}
}

// heading is the option as a page shows it: "-C N, --connections=N".
func (o *Option) heading() string {
	var list []string
	for _, name := range o.Names {
		long := strings.HasPrefix(name, "--")
		switch {
		case o.Arg == "" || o.Optional && !long:
		case o.Optional:
			name += "[=" + o.Arg + "]"
		case o.Mode || !long:
			name += " " + o.Arg
		default:
			name += "=" + o.Arg
		}
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}

// names gives all names of an option.
func (o *Option) names() []string { return slices.Concat(o.Names, o.Spellings) }

// required says whether the next word is the option's argument, if that isn't
// part of the same word.
func (o *Option) required() bool { return o.Arg != "" && !o.Optional && !o.Mode }

// operand gives what may stand at a place. Modes stand at the second one.
func (p *Page) operand(i int) Values {
	v := p.Operands[i].Values
	if i == 1 {
		v.Words = slices.Concat(v.Words, p.modes())
	}
	return v
}

// modes gives the names of options that say what the last operands are.
func (p *Page) modes() (names []string) {
	for _, o := range p.Options {
		if o.Mode {
			names = append(names, o.Names...)
		}
	}
	return names
}

// short gives the letters of those short options that have an argument.
func (p *Page) short() string {
	var b strings.Builder
	for _, o := range p.Options {
		for _, name := range o.names() {
			if o.required() && len(name) == 2 {
				b.WriteByte(name[1])
			}
		}
	}
	return b.String()
}
