package source

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/gonbd/gonbd/internal/cli"
)

func parse(args string) (string, *Target, error) {
	var m Modes
	f := pflag.NewFlagSet("tool", pflag.ContinueOnError)
	f.BoolP("readonly", "r", false, "read-only")
	m.Flags(f)
	return m.Parse(f, strings.Fields(args))
}

func TestModes(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"dir nbd://host", "nbd://host"},
		{"-r dir nbd://host", "nbd://host"},
		{"dir -r nbd://host -r", "nbd://host"},
		{"dir [ nbdkit -r memory 1G ]", "[ nbdkit -r memory 1G ]"},
		{"dir --command nbdkit -s memory 1G", "--command nbdkit"},
		{"--command dir nbdkit -s memory 1G", "--command nbdkit"},
		{"dir --fd 3", "--fd 3"},
		{"dir --tcp host 1234", "nbd://host:1234/"},
		{"dir --tcp ::1 1234", "nbd://[::1]:1234/"},
		{"--tcp dir host -r 1234", "nbd://host:1234/"},
		{"dir --unix /tmp/s", "nbd+unix:///?socket=/tmp/s"},
		{"dir --vsock 2 10809", "nbd+vsock://2:10809/"},
	} {
		first, target, err := parse(test.args)
		if err != nil || first != "dir" || target.String() != test.want {
			t.Errorf("%s: %q, %v, %v, want %s", test.args, first, target, err, test.want)
		}
	}
	if first, target, err := parse("-r"); first != "" || target != nil || err != nil {
		t.Errorf("nothing: %q, %v, %v", first, target, err)
	}
	for _, test := range []struct{ args, want string }{
		{"dir", "which server"},
		{"dir nbd://a nbd://b", "also [nbd://b]"},
		{"[ nbdkit null ] dir", "the first word"},
		{"dir --command", "which command"},
		{"dir --tcp host", "should be [HOST PORT], but there is [host]"},
		{"dir --tcp host no-such-service", "no-such-service"},
		{"dir --tcp [ host ] 1", "no command"},
		{"dir --unix", "should be [SOCKET]"},
		{"dir --vsock 2 port", "should be numbers"},
		{"dir --fd x", "should be the number"},
		{"dir --tcp --unix a b", "only one of"},
		{"dir --no-such", "no option"},
	} {
		_, _, err := parse(test.args)
		if _, ok := err.(*cli.Usage); !ok || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.args, err, test.want)
		}
	}
}
