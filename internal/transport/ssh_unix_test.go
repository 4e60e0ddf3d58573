//go:build unix

package transport

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/peers"
)

// fakeSSH puts a program ssh first in PATH that writes its arguments to the
// file it gives the path of, and goes on as then says.
func fakeSSH(t *testing.T, then string) (log string) {
	t.Helper()
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	t.Setenv("FAKE_SSH_LOG", log)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >\"$FAKE_SSH_LOG\"\n" + then
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return log
}

func TestSSH(t *testing.T) {
	peers.Bookworm.Need(t, "nbdkit")
	log := fakeSSH(t, "exec nbdkit -s --log=null memory 1M\n")
	s, err := SSH(soon(t), SSHTarget{User: "u", Host: "h", Port: "2222", Compress: true, Socket: "/a b"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wantNBD(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.ExitError(); err != nil {
		t.Error(err)
	}
	const want = "-C\n-p\n2222\n-o\nUser=u\n--\nh\nnc\n-U\n'/a b'\n"
	if got, err := os.ReadFile(log); err != nil || string(got) != want {
		t.Errorf("ssh was given %q, %v; want %q", got, err, want)
	}
}

// TestSSHRemoteShell has the fake join its command and hand it to a shell, as
// a real server does.
func TestSSHRemoteShell(t *testing.T) {
	fakeSSH(t, `while [ "$1" != -- ]; do shift; done
shift 2
nc() { printf '<%s>' "$@"; echo; }
eval "$*"
`)
	const hostile = `/tmp/a  b;$(id)*"x"` + "`id`"
	s, err := SSH(soon(t), SSHTarget{Host: "h", Socket: hostile}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, want := readLine(t, s), "<-U><"+hostile+">"; got != want {
		t.Errorf("the remote nc is given %s, want %s", got, want)
	}
}

func TestSSHFails(t *testing.T) {
	fakeSSH(t, "echo 'ssh: Could not resolve hostname h' >&2\nexit 255\n")
	said := new(syncText)
	s, err := SSH(soon(t), SSHTarget{Host: "h"}, Options{Stderr: said})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Read(make([]byte, 1))
	wantError(t, s.Explain(err), nbderr.Transport, true,
		"command ssh exited with status 255; its last words: ssh: Could not resolve hostname h")
}

func TestSSHMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := SSH(soon(t), SSHTarget{Host: "h"}, Options{})
	wantError(t, err, nbderr.Transport, false, "ssh to h: ", exec.ErrNotFound.Error())
}
