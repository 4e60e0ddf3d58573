//go:build !386 && !arm && !mips && !mipsle

package nbdfuse

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
)

// Every mode reaches the disk, over as many connections as it may.
func TestModes(t *testing.T) {
	peers.Bookworm.Need(t, "nbdkit")
	unix := peers.NbdkitUnix(t, peers.Bookworm, "memory", "1M")
	tcp := peers.NbdkitTCP(t, peers.Bookworm, "memory", "1M")
	host, port, err := net.SplitHostPort(tcp.Addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ options, server, connections string }{
		{"-v", unix.URI(""), "4"},
		{"-v -C 7", unix.URI(""), "7"},
		{"-d -C 1", unix.URI(""), "1"},
		{"-v", "--unix " + unix.Socket, "4"},
		{"-v", "--tcp " + host + " " + port, "4"},
		{"-v", "[ nbdkit memory 1M ]", "1"},
		{"-v", "--command nbdkit -s memory 1M", "1"},
	} {
		m := mountOurs(t, strings.Fields(test.options), strings.Fields(test.server))
		if info, err := os.Stat(m.file); err != nil || info.Size() != 1<<20 {
			t.Errorf("%v: %v, %v", test, info, err)
		}
		m.stop()
		if want := "nbdfuse: connections=" + test.connections + "\n"; !strings.Contains(m.stderr.String(), want) {
			t.Errorf("%v: expected %q: %s", test, want, &m.stderr)
		}
	}
}

// A socket is inherited.
func TestFD(t *testing.T) {
	needFuse(t)
	server := peers.NbdkitUnix(t, peers.Bookworm, "memory", "1M")
	conn, err := net.Dial("unix", server.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	f, err := conn.(*net.UnixConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := newTool(t)
	m.command(nil, []string{"--fd", "3"})
	m.cmd.ExtraFiles = []*os.File{f}
	m.start()
	if b, err := os.ReadFile(m.file); err != nil || len(b) != 1<<20 {
		t.Errorf("%d bytes: %v", len(b), err)
	}
}

// The mount point is a file, or a folder with a name for the file.
func TestNames(t *testing.T) {
	needFuse(t)
	server := peers.NbdkitUnix(t, peers.Bookworm, "memory", "1M")
	for _, naked := range []bool{true, false} {
		m := newTool(t)
		m.file = filepath.Join(m.dir, "disk")
		mounted := m.dir
		if naked {
			mounted = m.file
			if err := os.WriteFile(m.file, []byte("below"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		m.dir = m.file // what is given
		m.command([]string{"-o", "fsname=source,subtype=kind"}, []string{server.URI("")})
		m.dir = mounted // what is mounted
		m.start()
		if info, err := os.Stat(m.file); err != nil || info.Size() != 1<<20 || !info.Mode().IsRegular() {
			t.Errorf("naked: %v: %v, %v", naked, info, err)
		}
		b, err := os.ReadFile("/proc/self/mounts")
		if line := "source " + mounted + " fuse.kind rw,nosuid,nodev"; err != nil || !strings.Contains(string(b), line) {
			t.Errorf("naked: %v: no mount %q: %v", naked, line, err)
		}
		if err := syscall.Unmount(mounted, 0); err != nil {
			t.Fatal(err)
		}
		if code := m.end(); code != 0 {
			t.Errorf("naked: %v: exit code %d: %s", naked, code, &m.stderr)
		}
		if b, err := os.ReadFile(m.file); naked && string(b) != "below" {
			t.Errorf("below the mount there was %q: %v", b, err)
		}
	}
}
