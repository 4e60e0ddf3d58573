package transport

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/nbderr"
)

func TestSSHArguments(t *testing.T) {
	for _, c := range []struct {
		target SSHTarget
		want   string // fields separated by |
	}{
		{SSHTarget{Host: "host"}, "ssh|--|host|nc|localhost|10809"},
		{SSHTarget{User: "user", Host: "host", Port: "22"}, "ssh|-p|22|-o|User=user|--|host|nc|localhost|10809"},
		{SSHTarget{User: "a.b@example.com", Host: "h"}, "ssh|-o|User=a.b@example.com|--|h|nc|localhost|10809"},
		{SSHTarget{Host: "host", Compress: true, NBDPort: "10810"}, "ssh|-C|--|host|nc|localhost|10810"},
		{SSHTarget{Host: "host", NBDPort: "nbd"}, "ssh|--|host|nc|localhost|nbd"},
		{SSHTarget{Host: "[::1]"}, "ssh|--|::1|nc|localhost|10809"},
		{SSHTarget{Host: "fe80::1%eth0.2"}, "ssh|--|fe80::1%eth0.2|nc|localhost|10809"},
		{SSHTarget{Host: "host", Socket: "/run/nbd.sock"}, "ssh|--|host|nc|-U|/run/nbd.sock"},
		{SSHTarget{Host: "host", Socket: "/tmp/a b;$(id)`id`*~"}, "ssh|--|host|nc|-U|'/tmp/a b;$(id)`id`*~'"},
		{SSHTarget{Host: "host", Socket: "~/nbd"}, "ssh|--|host|nc|-U|'~/nbd'"},
		{SSHTarget{Host: "host", Socket: "/tmp/\u00e9"}, "ssh|--|host|nc|-U|'/tmp/\u00e9'"},
	} {
		argv, err := c.target.argv()
		if want := strings.Split(c.want, "|"); err != nil || !slices.Equal(argv, want) {
			t.Errorf("%+v:\n%q, %v; want\n%q", c.target, argv, err, want)
		}
	}
}

func TestSSHRefuses(t *testing.T) {
	for _, c := range []struct {
		target SSHTarget
		want   string
	}{
		{SSHTarget{}, "host is empty"},
		{SSHTarget{Host: "-oProxyCommand=id"}, "begins with a hyphen"},
		{SSHTarget{Host: "a b"}, "SSH host"},
		{SSHTarget{Host: "a\nb"}, "SSH host"},
		{SSHTarget{Host: "a;b"}, "SSH host"},
		{SSHTarget{Host: "`id`"}, "SSH host"},
		{SSHTarget{Host: "user@host"}, "SSH host"},
		{SSHTarget{Host: "ssh://host"}, "SSH host"},
		{SSHTarget{Host: "a\x80"}, "SSH host"},
		{SSHTarget{Host: "[host]"}, "SSH host"},
		{SSHTarget{Host: "%h"}, "SSH host"},
		{SSHTarget{Host: "fe80::1%$(id)"}, "zone of the SSH host"},
		{SSHTarget{Host: "h", User: "-l"}, "begins with a hyphen"},
		{SSHTarget{Host: "h", User: "a b"}, "SSH user"},
		{SSHTarget{Host: "h", User: "a\x1b[2J"}, "SSH user"},
		{SSHTarget{Host: "h", User: "$(id)"}, "SSH user"},
		{SSHTarget{Host: "h", User: "%u"}, "SSH user"},
		{SSHTarget{Host: "h", Port: "0"}, "from 1 to 65535"},
		{SSHTarget{Host: "h", Port: "65536"}, "from 1 to 65535"},
		{SSHTarget{Host: "h", Port: "-1"}, "SSH port"},
		{SSHTarget{Host: "h", Port: "2 2"}, "SSH port"},
		{SSHTarget{Host: "h", Port: "22;id"}, "SSH port"},
		{SSHTarget{Host: "h", NBDPort: "-e"}, "NBD port"},
		{SSHTarget{Host: "h", NBDPort: "1;id"}, "NBD port"},
		{SSHTarget{Host: "h", NBDPort: "99999"}, "NBD port"},
		{SSHTarget{Host: "h", NBDPort: "1", Socket: "/s"}, "both"},
		{SSHTarget{Host: "h", Socket: "-e/bin/sh"}, "begins with a hyphen"},
		{SSHTarget{Host: "h", Socket: "/tmp/a'b"}, "remote socket"},
		{SSHTarget{Host: "h", Socket: `/tmp/a\b`}, "remote socket"},
		{SSHTarget{Host: "h", Socket: "/tmp/a!b"}, "remote socket"},
		{SSHTarget{Host: "h", Socket: "/tmp/a\nb"}, "remote socket"},
		{SSHTarget{Host: "h", Socket: "/tmp/a\x00b"}, "remote socket"},
		{SSHTarget{Host: "h", Socket: "/tmp/a\xffb"}, "remote socket"},
	} {
		_, err := SSH(soon(t), c.target, Options{})
		wantError(t, err, nbderr.Local, false, "ssh to ", c.want)
		if !errors.Is(err, syscall.EINVAL) || strings.ContainsAny(err.Error(), "\x1b\n\x00") {
			t.Errorf("error %q: want EINVAL, safe to print", err)
		}
	}
}
