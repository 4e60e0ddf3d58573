package source

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
)

func TestParseTarget(t *testing.T) {
	uri := func(s string) Target { return Target{source: cli.Source{Arg: s}, fd: -1} }
	tests := []struct {
		args string
		want Target
		err  string
	}{
		{args: "nbds://h/e", want: uri("nbds://h/e")},
		{args: "[ nbdkit memory 1M ]", want: Target{source: cli.Source{Command: []string{"nbdkit", "memory", "1M"}}, fd: -1}},
		{args: "--command nbdkit -s memory 1M", want: Target{command: []string{"nbdkit", "-s", "memory", "1M"}, fd: -1}},
		{args: "--fd 0", want: Target{fd: 0}},
		{args: "--tcp host 10810", want: uri("nbd://host:10810/")},
		{args: "--tcp host http", want: uri("nbd://host:80/")},
		{args: "--tcp ::1 80", want: uri("nbd://[::1]:80/")},
		{args: "--tcp [::1] 80", want: uri("nbd://[::1]:80/")},
		{args: "--unix sock", want: uri("nbd+unix:///?socket=sock")},
		{args: "--unix /a+b&c", want: uri("nbd+unix:///?socket=/a%2Bb%26c")},
		{args: "--vsock 2 5000", want: uri("nbd+vsock://2:5000/")},
		{args: "--vsock 1 10809", want: uri("nbd+vsock://1:10809/")},

		{args: "", err: "which server?"},
		{args: "nbd://h more", err: "nothing may stand behind"},
		{args: "[ ]", err: "no command"},
		{args: "[ nbdkit", err: "has no ]"},
		{args: "[ nbdkit ] -r", err: "nothing may stand behind"},
		{args: "--command", err: "wants a command"},
		{args: "--fd", err: "number of a file descriptor"},
		{args: "--fd x", err: "number of a file descriptor"},
		{args: "--fd -1", err: "number of a file descriptor"},
		{args: "--fd 1 2", err: "number of a file descriptor"},
		{args: "--tcp host", err: "a host and a port"},
		{args: "--tcp host 0", err: "not a port"},
		{args: "--tcp host 65536", err: "not a port"},
		{args: "--tcp host nothing-such", err: "not a port"},
		{args: "--unix", err: "path of a socket"},
		{args: "--vsock 1", err: "a CID and a port"},
		{args: "--vsock x 1", err: "not a CID and a port"},
		{args: "--vsock 1 4294967296", err: "not a CID and a port"},
		{args: "-r nbd://h", err: "options before"},
		{args: "--unix=/s", err: "there is no mode"},
	}
	for _, test := range tests {
		got, err := ParseTarget(strings.Fields(test.args))
		if test.err == "" && (err != nil || !reflect.DeepEqual(got, test.want)) {
			t.Errorf("%q: %+v, %v; want %+v", test.args, got, err, test.want)
		}
		if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%q: error %v, want %q", test.args, err, test.err)
		}
	}
}
