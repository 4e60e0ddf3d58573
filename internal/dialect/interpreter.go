package dialect

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Interpreter runs programs, one after the other, which see the names that
// those before them have defined. It is for one goroutine, but for Interrupt.
type Interpreter struct {
	names  starlark.StringDict
	thread *starlark.Thread
	out    io.Writer
}

// New makes an interpreter that prints to out.
func New(out io.Writer) *Interpreter {
	in := &Interpreter{names: starlark.StringDict{}, thread: &starlark.Thread{Name: "nbdsh"}, out: out}
	for n, v := range starlark.Universe {
		in.names[n] = v
	}
	for n, v := range in.builtins() {
		in.names[n] = v
	}
	for n, f := range in.hidden() {
		in.names[n] = starlark.NewBuiltin(n, f)
	}
	in.names[nameGlobals] = globals{in}
	in.names["errno"] = errnoModule()
	return in
}

// Define gives a name a value.
func (in *Interpreter) Define(name string, v starlark.Value) { in.names[name] = v }

// Lookup gives the value of a name, or nil.
func (in *Interpreter) Lookup(name string) starlark.Value { return in.names[name] }

// Names lists the names that have a value.
func (in *Interpreter) Names() []string {
	var list []string
	for _, n := range in.names.Keys() {
		if !strings.HasPrefix(n, "<") {
			list = append(list, n)
		}
	}
	return list
}

// Interrupt makes the program that runs fail soon, from another goroutine.
func (in *Interpreter) Interrupt() { in.thread.Cancel("interrupted") }

// Resume lets programs run again after Interrupt.
func (in *Interpreter) Resume() { in.thread.Uncancel() }

// isModule says whether a name is that of a module.
func (in *Interpreter) isModule(name string) bool {
	_, ok := in.names[name].(*Module)
	return ok
}

var options = &syntax.FileOptions{Set: true, While: true, TopLevelControl: true, GlobalReassign: true, Recursion: true}

// Exec runs a program. The name is for messages.
func (in *Interpreter) Exec(name, source string) error {
	t := newTranslator(name, in.isModule)
	text, err := t.translate(source)
	if err != nil {
		return err
	}
	f, err := options.Parse(name, text+t.finish(), 0)
	if err != nil {
		return explain(err)
	}
	return in.run(f, false)
}

// Step reads a statement from a prompt and runs it. The lines come from
// readLine, each with its newline, and io.EOF ends them. What the statement
// gives, if it is an expression, is shown.
//
// What readLine fails with is the result. The statement is run by around,
// which is given what runs it.
func (in *Interpreter) Step(name string, readLine func() (string, error), around func(run func() error) error) error {
	t := newTranslator(name, in.isModule)
	var readErr error
	f, err := options.ParseCompoundStmt(name, func() ([]byte, error) {
		if readErr != nil {
			return nil, readErr
		}
		var line string
		if line, readErr = readLine(); readErr == nil {
			line, readErr = t.translate(line)
		}
		return []byte(line), readErr
	})
	if readErr != nil {
		return readErr
	}
	if err != nil {
		return explain(err)
	}
	return around(func() error { return in.run(f, true) })
}

func (in *Interpreter) run(f *syntax.File, show bool) error {
	if err := rewrite(f, show); err != nil {
		return explain(err)
	}
	program, err := starlark.FileProgram(f, func(string) bool { return true })
	if err != nil {
		return explain(err)
	}
	_, err = program.Init(in.thread, in.names)
	return err
}

// globals is the object whose attributes the global names are.
type globals struct{ in *Interpreter }

var _ starlark.HasSetField = globals{}

func (g globals) String() string        { return nameGlobals }
func (g globals) Type() string          { return "globals" }
func (g globals) Freeze()               {}
func (g globals) Truth() starlark.Bool  { return true }
func (g globals) Hash() (uint32, error) { return 0, errors.New("unhashable") }
func (g globals) AttrNames() []string   { return g.in.Names() }

func (g globals) Attr(name string) (starlark.Value, error) {
	if v := g.in.names[name]; v != nil {
		return v, nil
	}
	return nil, undefined(name)
}

func (g globals) SetField(name string, v starlark.Value) error {
	g.in.names[name] = v
	return nil
}

func undefined(name string) error { return fmt.Errorf("name '%s' is not defined", name) }

// hidden are the functions that the rewritten tree calls.
func (in *Interpreter) hidden() map[string]Function {
	return map[string]Function{
		nameBytes: func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return NewBytes([]byte(args[0].(starlark.Bytes))), nil
		},
		namePercent: func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			if s, ok := args[0].(starlark.String); ok {
				out, err := percent(string(s), args[1])
				return starlark.String(out), err
			}
			return starlark.Binary(syntax.PERCENT, args[0], args[1])
		},
		nameMethod: func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			name := string(args[1].(starlark.String))
			if m := method(args[0], name); m != nil {
				return starlark.NewBuiltin(name, m), nil
			}
			if x, ok := args[0].(starlark.HasAttrs); ok {
				if v, err := x.Attr(name); v != nil || err != nil {
					return v, err
				}
			}
			return nil, fmt.Errorf("%s has no .%s field or method", args[0].Type(), name)
		},
		nameSetSlice: setSlice,
		nameShow: func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			if args[0] == starlark.None {
				return starlark.None, nil
			}
			in.names["_"] = args[0]
			_, err := io.WriteString(in.out, Repr(args[0])+"\n")
			return starlark.None, err
		},
	}
}

// setSlice is x[lo:hi:step] = value, for what has memory.
func setSlice(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	var memory []byte
	switch x := args[0].(type) {
	case *Bytes:
		if !x.mutable {
			return nil, errors.New("a bytes cannot be changed: make a bytearray of it")
		}
		memory = x.b
	case interface{ Bytes() []byte }:
		memory = x.Bytes()
	default:
		return nil, fmt.Errorf("slices of a value of type %s cannot be assigned to", args[0].Type())
	}
	if args[3] != starlark.None {
		return nil, errors.New("a slice with a step cannot be assigned to")
	}
	bounds := [2]int{0, len(memory)}
	for i := range bounds {
		if args[1+i] == starlark.None {
			continue
		}
		n, err := starlark.AsInt32(args[1+i])
		if err != nil {
			return nil, fmt.Errorf("slice bound: %w", err)
		}
		if n < 0 {
			n += len(memory)
		}
		bounds[i] = min(max(n, 0), len(memory))
	}
	value, err := ToBytes(args[4])
	if err != nil {
		return nil, err
	}
	if _, ok := args[4].(starlark.Int); ok {
		return nil, errors.New("a slice is assigned bytes, not an int")
	}
	lo, hi := bounds[0], max(bounds[0], bounds[1])
	if hi-lo != len(value) {
		return nil, fmt.Errorf("a slice of %d bytes was given %d: the length cannot change", hi-lo, len(value))
	}
	copy(memory[lo:hi], value)
	return starlark.None, nil
}

var uninitialized = regexp.MustCompile(`^internal error: predeclared variable (\S+) is uninitialized$`)

// Message gives what an error says, in the words of this language.
func Message(err error) string {
	s := err.Error()
	if m := uninitialized.FindStringSubmatch(s); m != nil {
		return undefined(m[1]).Error()
	}
	return s
}

// Backtrace gives the lines that say where an error came from, for errors of
// running programs, and what it says.
func Backtrace(err error) string {
	e, ok := errors.AsType[*starlark.EvalError](err)
	if !ok {
		return Message(err)
	}
	const shown = 10 // calls at either end: a recursion may have many thousands
	var b strings.Builder
	b.WriteString("Traceback (most recent call last):\n")
	for i, frame := range e.CallStack {
		switch left := len(e.CallStack) - i; {
		case frame.Pos.Filename() == "<builtin>":
			continue // the last line has its name
		case i == shown && left > shown:
			fmt.Fprintf(&b, "  … %d more calls …\n", left-shown)
			continue
		case i > shown && left > shown:
			continue
		}
		fmt.Fprintf(&b, "  %s, line %d, in %s\n", frame.Pos.Filename(), frame.Pos.Line, frame.Name)
	}
	return b.String() + "Error: " + Message(err)
}

// explain adds to a message of the parser what to write instead.
func explain(err error) error {
	hints := []struct{ text, hint string }{
		{"got try,", "Starlark has no try: nbd.catch(function, arguments...) gives a result and an error"},
		{"got raise,", "Starlark has no raise: call fail(message)"},
		{"got with,", "Starlark has no with"},
		{"got class,", "Starlark has no classes"},
		{"got del,", "Starlark has no del: use the method pop"},
		{"got global,", "Starlark has no global: functions can change what is in a global list or dictionary"},
		{"got nonlocal,", "Starlark has no nonlocal: use a list or a dictionary"},
		{"got yield,", "Starlark has no generators: make a list"},
		{"got '**',", "write pow(x, y)"},
		{"got for, want", "Starlark has no generators: write [ and ] around a comprehension"},
		{"got string literal, want", "write + between two strings"},
		{"got '=', want newline", "write y = 1; x = y for x = y = 1"},
		{"does not associate with", "write x < y and y < z for x < y < z"},
	}
	for _, h := range hints {
		if strings.Contains(err.Error(), h.text) {
			return fmt.Errorf("%w (%s)", err, h.hint)
		}
	}
	return err
}
