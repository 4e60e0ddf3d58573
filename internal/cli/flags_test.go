package cli

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

type parsed struct {
	list    bool
	json    bool
	can     string
	mapping string
	retries int
	sources []Source
}

func parse(args ...string) (p parsed, err error) {
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	f.BoolVarP(&p.list, "list", "L", false, "list")
	f.BoolVarP(&p.json, "json", "j", false, "json")
	f.StringVar(&p.can, "can", "", "ask")
	f.StringVar(&p.can, "cant", "", "ask")
	f.StringVar(&p.can, "count", "", "count")
	f.StringVar(&p.mapping, "map", "", "map")
	f.Lookup("map").NoOptDefVal = "base"
	f.BoolFunc("all", "all", func(string) error { return nil })
	f.IntVarP(&p.retries, "retries", "r", 0, "retries")
	p.sources, err = Parse(f, args)
	return p, err
}

func TestParse(t *testing.T) {
	uri := []Source{{Arg: "nbd://h"}}
	server := []Source{{Command: []string{"nbdkit", "-r", "--", "memory", "1M"}}}
	tests := []struct {
		args string
		want parsed
	}{
		{"nbd://h", parsed{sources: uri}},
		{"--list nbd://h", parsed{list: true, sources: uri}},
		{"nbd://h -L", parsed{list: true, sources: uri}},
		{"-Lj nbd://h", parsed{list: true, json: true, sources: uri}},
		{"-jr 3 nbd://h", parsed{json: true, retries: 3, sources: uri}},
		{"-jr3 nbd://h", parsed{json: true, retries: 3, sources: uri}},
		{"--retries 3 nbd://h", parsed{retries: 3, sources: uri}},
		{"--re=3 nbd://h", parsed{retries: 3, sources: uri}},
		{"--js nbd://h", parsed{json: true, sources: uri}},
		{"--ca trim nbd://h", parsed{can: "trim", sources: uri}},
		{"--can=trim nbd://h", parsed{can: "trim", sources: uri}},
		{"--can= nbd://h", parsed{sources: uri}},
		{"--can --list nbd://h", parsed{can: "--list", sources: uri}},
		{"--can [ nbd://h", parsed{can: "[", sources: uri}},
		{"--map nbd://h", parsed{mapping: "base", sources: uri}},
		{"--map=qemu: nbd://h", parsed{mapping: "qemu:", sources: uri}},
		{"[ nbdkit -r -- memory 1M ] --json", parsed{json: true, sources: server}},
		{"--json -- [ nbdkit -r -- memory 1M ]", parsed{json: true, sources: server}},
		{"- -", parsed{sources: []Source{{Arg: "-"}, {Arg: "-"}}}},
		{"-j -- -L --list", parsed{json: true, sources: []Source{{Arg: "-L"}, {Arg: "--list"}}}},
		{"", parsed{}},
	}
	for _, test := range tests {
		got, err := parse(strings.Fields(test.args)...)
		if err != nil {
			t.Errorf("%q: %v", test.args, err)
		} else if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: got %+v, want %+v", test.args, got, test.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ args, want string }{
		{"--nothing", "there is no option --nothing"},
		{"--=3", "there is no option --"},
		{"-jx", "there is no option -x"},
		{"--c trim", "the option --c could be any of --can, --cant, --count"},
		{"--list=1", `the option --list takes no value, but was given "1"`},
		{"--all=1", `the option --all takes no value, but was given "1"`},
		{"--can", "--can"},
		{"-r", "'r'"},
		{"--retries many", `"many"`},
		{"[ nbdkit memory 1M", "has no ] behind it"},
		{"[ nbdkit [ memory ]", "has no ] behind it"},
		{"[ ]", "no command between [ and ]"},
		{"nbd://h ]", "a ] without a [ before it"},
	}
	for _, test := range tests {
		_, err := parse(strings.Fields(test.args)...)
		if _, ok := errors.AsType[*Usage](err); !ok || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: error %v, want a Usage with %q", test.args, err, test.want)
		}
	}
}

func TestParseLeading(t *testing.T) {
	for _, test := range []struct {
		args string
		want string // the value of -c, whether there is -v, and the rest
	}{
		{"", " false []"},
		{"-v script -v --no-such", " true [script -v --no-such]"},
		{"-c x -v", "x true []"},
		{"-c - script", "- false [script]"},
		{"--comm=x - -v", "x false [- -v]"},
		{"-v -- -c x", " true [-c x]"},
		{"script", " false [script]"},
		{"--no-such", "error: there is no option --no-such"},
		{"-c", "error: flag needs an argument: 'c' in -c"},
	} {
		f := pflag.NewFlagSet("tool", pflag.ContinueOnError)
		c := f.StringP("command", "c", "", "command")
		v := f.BoolP("verbose", "v", false, "verbose")
		rest, err := ParseLeading(f, strings.Fields(test.args))
		got := fmt.Sprint(*c, " ", *v, " ", rest)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != test.want {
			t.Errorf("%q: %s, want %s", test.args, got, test.want)
		}
	}
}
