//go:build unix

package transport

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childMode is the variable of the environment that makes the test binary
// play a child process.
const childMode = "GONBD_TRANSPORT_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		playChild(mode)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func playChild(mode string) {
	atStart := nonBlocking()
	switch mode {
	case "echo":
		io.Copy(os.Stdout, os.Stdin)
	case "report":
		fmt.Print(report(atStart))
		io.Copy(io.Discard, os.Stdin)
	case "die":
		for i := range 20 {
			fmt.Fprintf(os.Stderr, "line %d\n", i)
		}
		fmt.Fprint(os.Stderr, "no such \x1b[31mdisk")
		os.Exit(3)
	case "killed":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case "orphan":
		// A grandchild holds standard error for ever; it ends when the
		// connection, which is its standard input, does.
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childMode+"=echo")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "activated":
		fmt.Println("to standard output")
		playActivated(atStart)
	default:
		panic("no child mode " + mode)
	}
}

// playActivated serves the socket that it was activated with: a report, then
// an echo.
func playActivated(atStart []int) {
	l, err := net.FileListener(os.NewFile(3, "activated"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "descriptor 3:", err)
		os.Exit(1)
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			io.WriteString(conn, report(atStart))
			io.Copy(conn, conn)
		}()
	}
}

// report tells on one line what a child sees, and which descriptors were
// non-blocking at its start.
func report(nonBlocking []int) string {
	return fmt.Sprintf("pid=%d LISTEN_PID=%s LISTEN_FDS=%s LISTEN_FDNAMES=%s PIDFDID=%q args=%q fds=%v nonblocking=%v\n",
		os.Getpid(), os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES"),
		os.Getenv("LISTEN_PIDFDID"), os.Args[1:], inheritable(), nonBlocking)
}

// child gives the command line and options that make the test binary a child.
// What the child says on standard error is in the returned text.
func child(mode string, args ...string) ([]string, Options, *syncText) {
	said := new(syncText)
	// A child built with the race detector would linger a second at its end.
	env := append(os.Environ(), childMode+"="+mode, "GORACE=atexit_sleep_ms=0")
	return append([]string{os.Args[0]}, args...), Options{Env: env, Stderr: said}, said
}

// syncText is an io.Writer that keeps what was written.
type syncText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *syncText) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *syncText) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// quickGraces makes Close impatient for one test.
func quickGraces(t *testing.T, eof, term time.Duration) {
	oldEOF, oldTerm := eofGrace, termGrace
	eofGrace, termGrace = eof, term
	t.Cleanup(func() { eofGrace, termGrace = oldEOF, oldTerm })
}

func readLine(t *testing.T, conn net.Conn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatalf("read %q: %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// wantNBD reads what an NBD server says first.
func wantNBD(t *testing.T, conn net.Conn) {
	t.Helper()
	magic := make([]byte, 8)
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, magic); err != nil || string(magic) != "NBDMAGIC" {
		t.Fatalf("read %q, %v; want NBDMAGIC", magic, err)
	}
}

// inheritable lists the descriptors above 2 that an exec would leave open.
func inheritable() []int {
	list := []int{}
	for fd := 3; fd < 1024; fd++ {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			list = append(list, fd)
		}
	}
	return list
}

// nonBlocking lists those of the descriptors 0 to 3 that are non-blocking,
// which programs don't expect of them.
func nonBlocking() []int {
	list := []int{}
	for fd := range 4 {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err == nil && flags&unix.O_NONBLOCK != 0 {
			list = append(list, fd)
		}
	}
	return list
}
