package peers

import (
	"os"
	"path/filepath"
	"testing"
)

// NbdkitUnix starts nbdkit on a Unix socket, with further options and the
// plugin and its parameters in args. Files named in args must be below
// [os.TempDir], as those in t.TempDir() are; so for all servers here.
func NbdkitUnix(t testing.TB, tree Tree, args ...string) *Server {
	t.Helper()
	s := newServer(t, tree, "nbdkit")
	s.Socket = s.path("sock")
	return s.register(t, s.nbdkit(nil, append([]string{"-U", s.Socket}, args...)))
}

// NbdkitTCP starts nbdkit on a free TCP port of 127.0.0.1.
func NbdkitTCP(t testing.TB, tree Tree, args ...string) *Server {
	t.Helper()
	s := newServer(t, tree, "nbdkit")
	listener, err := s.listen()
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return s.register(t, s.nbdkit(listener, args))
}

// QemuNBD starts qemu-nbd on a Unix socket, for any number of clients, with
// further options and the image in args.
func QemuNBD(t testing.TB, tree Tree, args ...string) *Server {
	t.Helper()
	s := newServer(t, tree, "qemu-nbd")
	s.Socket = s.path("sock")
	return s.register(t, s.runForeground(nil, append([]string{
		"--persistent", "--shared=0", "--socket=" + s.Socket, "--pid-file=" + s.pidPath(),
	}, args...)...))
}

// NBDServer starts nbd-server on a Unix socket. config is the text of its
// configuration file without the line [generic]: settings of that section
// may come first, then a section for each export. Listing is allowed.
func NBDServer(t testing.TB, tree Tree, config string) *Server {
	t.Helper()
	s := newServer(t, tree, "nbd-server")
	s.Socket = s.path("sock")
	return s.register(t, s.nbdServer(config))
}

func (s *Server) nbdkit(listener *os.File, args []string) error {
	return s.runForeground(listener, append([]string{"--foreground", "--pidfile", s.pidPath()}, args...)...)
}

// nbdServer lets nbd-server go into the background, because its foreground
// option (-d) also makes it end after one client.
func (s *Server) nbdServer(config string) error {
	path := filepath.Join(s.dir, "config")
	text := "[generic]\nunixsock = " + s.Socket + "\nallowlist = true\n" + config
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	if err := s.runDaemon("-C", path, "-p", s.pidPath()); err != nil {
		return err
	}
	if err := s.awaitSocket(); err != nil {
		s.Kill()
		return err
	}
	return nil
}
