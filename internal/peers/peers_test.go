package peers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

const magic = "NBDMAGIC"

func TestTrees(t *testing.T) {
	trees := Trees(t)
	if len(trees) == 0 || trees[0] != Bookworm {
		t.Errorf("Trees() = %v, want the machine's own first", trees)
	}
	if Bookworm.lookup("sh") != nil || Bookworm.lookup("no-such-program") == nil {
		t.Error("Bookworm does not tell sh from no-such-program")
	}
	if len(trees) == 2 && (Forky.lookup("nbdkit") != nil || Forky.lookup("no-such-program") == nil) {
		t.Error("Forky does not tell nbdkit from no-such-program")
	}
}

func TestNeed(t *testing.T) {
	for _, test := range []struct{ prog, noSkip, want string }{
		{"sh", "", "run"},
		{"sh", "1", "run"},
		{"no-such-program", "", "skip"},
		{"no-such-program", "1", "fail"},
	} {
		t.Run(test.prog+"/"+test.noSkip, func(t *testing.T) {
			t.Setenv("GONBD_NO_SKIP", test.noSkip)
			if got := outcome(t, func(t testing.TB) { Bookworm.Need(t, "sh", test.prog) }); got != test.want {
				t.Errorf("the test would %s, want %s", got, test.want)
			}
		})
	}
}

func TestTreesWithoutForky(t *testing.T) {
	t.Setenv("GONBD_PEERS_TREE", t.TempDir())
	t.Setenv("GONBD_NO_SKIP", "")
	if trees := Trees(t); len(trees) != 1 {
		t.Errorf("Trees() = %v where an empty folder is in Forky's place", trees)
	}
	t.Setenv("GONBD_NO_SKIP", "1")
	if got := outcome(t, func(t testing.TB) { Trees(t) }); got != "fail" {
		t.Errorf("the test would %s where Forky is missing and must not be, want fail", got)
	}
}

// TestCommand looks at everything that a program may inherit.
func TestCommand(t *testing.T) {
	Each(t, func(t *testing.T, tree Tree) {
		dir := t.TempDir()
		cmd := tree.Command(t, dir, "sh", "-c", `pwd; echo $$; cat; cat <&3; echo $GIVEN; touch made; exit 7`)
		cmd.Env = append(cmd.Environ(), "GIVEN=environment")
		cmd.Stdin = strings.NewReader("standard input\n")
		var stdout bytes.Buffer
		cmd.Stdout = &stdout
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte("file 3\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		extra, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer extra.Close()
		cmd.ExtraFiles = []*os.File{extra}

		err = cmd.Run()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 7 {
			t.Errorf("error %v, want exit status 7", err)
		}
		want := dir + "\n" + strconv.Itoa(cmd.Process.Pid) + "\nstandard input\nfile 3\nenvironment\n"
		if got := stdout.String(); got != want {
			t.Errorf("output %q, want %q", got, want)
		}
		if _, err := os.Stat(filepath.Join(dir, "made")); err != nil {
			t.Error(err)
		}
	}, "sh")
}

// TestCommandEndsWithTest kills a program that would wait for ever, by the
// context of the test that started it.
func TestCommandEndsWithTest(t *testing.T) {
	Each(t, func(t *testing.T, tree Tree) {
		var cmd *exec.Cmd
		t.Run("inner", func(t *testing.T) {
			cmd = tree.Command(t, t.TempDir(), "sleep", "1000000")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
		})
		if err := cmd.Wait(); err == nil {
			t.Error("sleep ended with success")
		}
	}, "sleep")
}

// TestCaptive speaks to a server over standard input and output.
func TestCaptive(t *testing.T) {
	Each(t, func(t *testing.T, tree Tree) {
		cmd := tree.Command(t, t.TempDir(), "nbdkit", "-s", "memory", "1M")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		readMagic(t, stdout)
		stdin.Close()
		// It complains that the client left in the handshake.
		_ = cmd.Wait()
	}, "nbdkit")
}

func TestRun(t *testing.T) {
	Each(t, func(t *testing.T, tree Tree) {
		image := filepath.Join(t.TempDir(), "image")
		Run(t, tree, "qemu-img", "create", "-q", "-f", "qcow2", image, "1M")
		if info := Run(t, tree, "qemu-img", "info", "--output=json", image); !strings.Contains(info, `"virtual-size": 1048576`) {
			t.Errorf("qemu-img info of a new image: %s", info)
		}
		if got := outcome(t, func(t testing.TB) { Run(t, tree, "qemu-img", "info", image+"-missing") }); got != "fail" {
			t.Errorf("the test would %s where qemu-img fails, want fail", got)
		}
	}, "qemu-img")
}

func readMagic(t *testing.T, r io.Reader) {
	t.Helper()
	var got [len(magic)]byte
	if _, err := io.ReadFull(r, got[:]); err != nil || string(got[:]) != magic {
		t.Fatalf("read %q, %v; want %s", got, err, magic)
	}
}

// dial connects to a server and reads the first bytes of the handshake.
func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	network, addr := "tcp", s.Addr
	if s.Socket != "" {
		network, addr = "unix", s.Socket
	}
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	readMagic(t, conn)
	return conn
}

// outcome tells what f does to the test it is given: "run", "skip" or "fail".
func outcome(t *testing.T, f func(testing.TB)) string {
	tb := &recorder{TB: t, outcome: "run"}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(tb)
	}()
	<-done
	return tb.outcome
}

// recorder notes the end of a test instead of ending it.
type recorder struct {
	testing.TB
	outcome string
	message string
}

func (r *recorder) end(outcome, message string) {
	r.outcome, r.message = outcome, message
	runtime.Goexit()
}

func (r *recorder) Skip(args ...any)                  { r.end("skip", fmt.Sprint(args...)) }
func (r *recorder) Fatal(args ...any)                 { r.end("fail", fmt.Sprint(args...)) }
func (r *recorder) Fatalf(format string, args ...any) { r.end("fail", fmt.Sprintf(format, args...)) }
