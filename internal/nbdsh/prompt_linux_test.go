package nbdsh

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/internal/tooltest"
)

// session is the tool on a terminal, and its user.
type session struct {
	t     *testing.T
	cmd   *exec.Cmd
	user  *os.File
	seen  []byte // what the terminal showed and was not expected yet
	shown chan []byte
	state string
}

// start starts the tool on a terminal that is its own.
func start(t *testing.T, state string, args ...string) *session {
	t.Helper()
	terminal, user := tooltest.Pty(t)
	s := &session{t: t, user: user, shown: make(chan []byte), state: state}
	s.cmd = exec.Command(os.Args[0], append([]string{"nbdsh"}, args...)...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = terminal, terminal, terminal
	s.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	t.Cleanup(func() {
		s.cmd.Process.Kill() // if it has not ended
		s.cmd.Wait()
	})
	go func() {
		for {
			b := make([]byte, 4096)
			n, err := user.Read(b)
			if n > 0 {
				s.shown <- b[:n]
			}
			if err != nil {
				close(s.shown)
				return
			}
		}
	}()
	return s
}

func (s *session) enter(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.user, text); err != nil {
		s.t.Fatal(err)
	}
}

// expect waits until the terminal shows a text.
func (s *session) expect(text string) {
	s.t.Helper()
	late := time.After(30 * time.Second)
	for {
		if i := bytes.Index(s.seen, []byte(text)); i >= 0 {
			s.seen = s.seen[i+len(text):]
			return
		}
		select {
		case b, ok := <-s.shown:
			if !ok {
				s.t.Fatalf("the terminal shows %q and no more, expected %q", s.seen, text)
			}
			s.seen = append(s.seen, b...)
		case <-late:
			s.t.Fatalf("the terminal shows %q, expected %q", s.seen, text)
		}
	}
}

// end waits for the end of the tool.
func (s *session) end(code int) {
	s.t.Helper()
	go func() {
		for range s.shown {
		}
	}()
	s.cmd.Wait()
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		s.t.Errorf("exit code %d, expected %d", got, code)
	}
}

func TestPrompt(t *testing.T) {
	s := start(t, t.TempDir())
	s.expect("Welcome to nbdsh")
	s.expect("an open NBD handle called ‘h’")
	s.expect("\r\n\r\nnbd> ")
	for _, line := range [][2]string{
		{"1 + 1\n", "\r\n2\r\nnbd> "},
		{"_ * 2\n", "\r\n4\r\nnbd> "},
		{"'it' + \"'s\"\n", "\r\n\"it's\"\r\nnbd> "},
		{"None\n", "None\r\nnbd> "},
		{"x = 5; x\n", "\r\n5\r\nnbd> "},
		{"h.get_handle_name()\n", "\r\n'nbdsh'\r\nnbd> "},
		{"\n", "\r\nnbd> "},
		{"# nothing\n", "\r\nnbd> "},
		{"def f(n):\n", "...  "},
		{"\tif n == 0: return 1\n", "...  "},
		{"\treturn n * f(n - 1)\n", "...  "},
		{"\n", "nbd> "},
		{"f(20)\n", "\r\n2432902008176640000\r\nnbd> "},
		{"[1,\n", "...  "},
		{"2]\n", "\r\n[1, 2]\r\nnbd> "},
		{"for i in range(2): i\n", "...  "},
		{"\n", "\r\n0\r\n1\r\nnbd> "},
		{"h.pread(512, 0)\n", "\r\nnbd_pread: invalid state: START: the handle must be connected with the server: Transport endpoint is not connected\r\nnbd> "},
		{"1 +\n", "got newline"},
		{"", "nbd> "},
		{"def g(): return 1 / 0\n", "...  "},
		{"\n", "nbd> "},
		{"g()\n", "in g\r\nError: "},
		{"f'{x:03}'\n", "\r\n'005'\r\nnbd> "},
		{"x += 1; assert x == 6; import errno; x is not None\n", "\r\nTrue\r\nnbd> "},
		// Tab completes, and shows what there is; Ctrl-U empties the line.
		{"h.pr\t", "h.pread"},
		{"\t", "pread\r\npread_structured\r\nnbd> h.pread"},
		{"_s\t(", "h.pread_structured("},
		{"\x15nbd.CONTEXT_B\t\n", "\r\n'base:allocation'\r\nnbd> "},
		{"h.nothing\t\x15", "h.nothing"},
		{"undefined.x\t\x15help(h.pread)\n", "h.pread(count, offset, flags=0)\r\n\r\nRead from the export."},
		{"", "nbd> "},
		// Ctrl-C forgets the line.
		{"1 + \x03", "\r\nnbd> "},
		{"def k():\n", "...  "},
		{"\x03", "\r\nnbd> "},
		// Up finds lines again.
		{"\x1b[A\x1b[A", "help(h.pread)"},
	} {
		s.enter(line[0])
		s.expect(line[1])
	}
	s.enter("\x15\x04")
	s.expect("\r\n")
	s.end(0)

	// A shell after it knows the lines.
	history, err := os.ReadFile(filepath.Join(s.state, "nbdsh", "history"))
	if err != nil || !strings.HasPrefix(string(history), "1 + 1\n_ * 2\n") {
		t.Errorf("the history is %q: %v", history, err)
	}
	again := start(t, s.state)
	again.expect("nbd> ")
	again.enter("\x1b[A")
	again.expect("def k():")
	again.enter("\x15exit(7)\n")
	again.end(7)
}

// Ctrl-C ends a command, also one that waits for a server, and not the shell.
func TestPromptInterrupt(t *testing.T) {
	server := tooltest.NewServer(t)
	s := start(t, t.TempDir())
	s.expect("nbd> ")
	s.enter("if True:\n\tprint('run' + 'ning')\n\twhile True: pass\n\n")
	s.expect("running\r\n")
	s.enter("\x03")
	s.expect("interrupted\r\nnbd> ")
	s.enter("h.connect_systemd_socket_activation(['setsid', '--wait', '" + strings.Join(server.Command[1:len(server.Command)-1], "', '") + "'])\n")
	s.expect("nbd> ")
	s.enter("h.pread(512, 8 << 20)\n")
	server.AwaitBusy()
	s.enter("\x03")
	s.expect("interrupted\r\nnbd> ")
	// The connection is still there, and so is the server.
	s.enter("h.aio_is_ready(), h.pread(4, 0)\n")
	s.expect("(True, bytearray(b'\\x00\\x00\\x00\\x00'))\r\nnbd> ")
	s.enter("\x04")
	s.end(0)
	server.CheckEnded()
}

// Ctrl-C ends an attempt to connect to a server that says nothing.
func TestPromptInterruptConnect(t *testing.T) {
	path := filepath.Join(peers.Scratch(t), "sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := start(t, t.TempDir())
	s.expect("nbd> ")
	s.enter("h.connect_unix('" + path + "')\n")
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s.enter("\x03")
	s.expect("interrupted\r\nnbd> ")
	s.enter("h.close(); h = nbd.NBD(); h.aio_is_created()\n")
	s.expect("\r\nTrue\r\nnbd> ")
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the connection has %d bytes, %v, expected its end", n, err)
	}
	s.enter("\x04")
	s.end(0)
}

// SIGTERM ends the shell, and leaves the terminal as it was.
func TestPromptTerminated(t *testing.T) {
	s := start(t, t.TempDir(), "-n")
	s.expect("h = nbd.NBD()")
	s.expect("nbd> ")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.expect("nbdsh: ended by signal: terminated")
	s.end(143)
}
