//go:build unix

package nbddump

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/tooltest"
	"github.com/gonbd/gonbd/nbdserver"
)

func TestMain(m *testing.M) {
	tools.Main(m, func(hang func()) nbdserver.Backend { return &hanging{hang} })
}

// hanging never answers a read behind its first half.
type hanging struct{ hang func() }

func (h *hanging) Size() int64 { return 16 << 20 }

func (h *hanging) ReadAt(p []byte, off int64) (int, error) {
	if off < h.Size()/2 {
		for i := range p {
			p[i] = byte(i >> 4)
		}
		return len(p), nil
	}
	h.hang()
	return 0, nil
}

var atWork = [][]string{{"nbddump"}}

// Signals end the tool while its server is at work, and the server with it.
func TestSignals(t *testing.T) { tooltest.Signals(t, atWork...) }

// A server that dies ends the tool with an error.
func TestServerDies(t *testing.T) { tools.ServerDies(t, atWork...) }

// What there is is shown while the server is slow.
func TestShownAtOnce(t *testing.T) {
	server := tooltest.NewServer(t)
	cmd := exec.Command(os.Args[0], append([]string{"nbddump"}, server.Command...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(stdout)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "00007ffff0: ff ff ") {
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("%q: %v", rest, err)
	}
	cmd.Wait()
	server.CheckEnded()
}

// Whoever reads standard output goes away.
func TestReaderGone(t *testing.T) {
	server := tooltest.NewServer(t)
	cmd := exec.Command(os.Args[0], append([]string{"nbddump"}, server.Command...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	stdout.Close()
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != cli.ExitBrokenPipe || stderr.String() != "" {
		t.Errorf("exit code %d, standard error %q", code, &stderr)
	}
	server.CheckEnded()
}
