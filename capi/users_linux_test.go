package capi

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/peers"
)

// tool runs a program of a tree with our library, which it sees where the
// machine has it.
func tool(t *testing.T, tree peers.Tree, prog string, args ...string) string {
	t.Helper()
	return toolWith(t, tree, ours(t), prog, args...)
}

func toolWith(t *testing.T, tree peers.Tree, env []string, prog string, args ...string) string {
	t.Helper()
	cmd := tree.Command(t, os.TempDir(), prog, args...)
	cmd.Env = append(cmd.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Start()
	if err == nil {
		defer time.AfterFunc(patience, func() { cmd.Cancel() }).Stop()
		err = cmd.Wait()
	}
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", prog, args, err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// image makes a file with data and holes.
func image(t *testing.T) (path string, data []byte) {
	t.Helper()
	data = make([]byte, 8<<20)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(data[:1<<20])
	random.Read(data[5<<20 : 6<<20])
	path = filepath.Join(peers.Scratch(t), "image")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, data
}

func wantFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what it should be", path)
	}
}

// TestTools runs the C tools with our library and with their own: they print
// the same.
func TestTools(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		if v := tool(t, tree, "nbdinfo", "--version"); !strings.Contains(v, "libnbd 1.24.4") || tree == peers.Forky && !strings.Contains(v, "gonbd") {
			t.Fatalf("nbdinfo does not run with our library:\n%s", v)
		}
		file, data := image(t)
		s := peers.NbdkitUnix(t, tree, "file", file)
		qemu := peers.QemuNBD(t, tree, "-f", "raw", "--read-only", "-x", "disk", "-D", "a disk", file)
		same := [][]string{
			{"nbdinfo", s.URI("")},
			{"nbdinfo", "--json", s.URI("")},
			{"nbdinfo", "--size", s.URI("")},
			{"nbdinfo", "--map", s.URI("")},
			{"nbdinfo", "--list", qemu.URI("")},
			{"nbdinfo", qemu.URI("disk")},
			{"nbdinfo", "--map", "--totals", qemu.URI("disk")},
			{"nbdcopy", s.URI(""), "-"},
			{"nbdinfo", "--size", "--", "[", "nbdkit", "memory", "1M", "]"},
		}
		if tree == peers.Forky {
			same = append(same, []string{"nbddump", "--color", s.URI("")}, []string{"nbddump", "-n", "1000", s.URI("")})
		}
		for _, argv := range same {
			theirs := toolWith(t, tree, nil, argv[0], argv[1:]...)
			if got := tool(t, tree, argv[0], argv[1:]...); got != theirs {
				t.Errorf("%s prints with our library\n%s\nwith its own\n%s", argv, head(got), head(theirs))
			}
		}
		copied := filepath.Join(peers.Scratch(t), "copy")
		tool(t, tree, "nbdcopy", "--connections=2", "--requests=16", s.URI(""), copied)
		wantFile(t, copied, data)
		if err := os.WriteFile(copied, make([]byte, len(data)), 0o600); err != nil {
			t.Fatal(err)
		}
		to := peers.NbdkitUnix(t, tree, "file", copied)
		tool(t, tree, "nbdcopy", "--flush", s.URI(""), to.URI(""))
		wantFile(t, copied, data)
		if tree == peers.Forky {
			tool(t, tree, "nbdzero", "--yes", to.URI(""))
			wantFile(t, copied, make([]byte, len(data)))
		}
	}, "nbdinfo", "nbdcopy", "nbdkit", "qemu-nbd")
}

func head(s string) string { return s[:min(len(s), 2000)] }

// TestFio runs fio's engine with threads, and with jobs that are forked after
// the library was used first.
func TestFio(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		s := peers.NbdkitUnix(t, tree, "memory", "64M")
		for mode, times := range map[string]int{"thread=0": 25, "thread=1": 5} {
			t.Run(mode, func(t *testing.T) {
				for range times {
					out := tool(t, tree, "fio", "--name=job", "--ioengine=nbd", "--uri="+s.URI(""), "--"+mode, "--numjobs=4", "--rw=randwrite",
						"--bs=4k-64k", "--iodepth=16", "--size=1M", "--offset_increment=1M", "--verify=crc32c", "--verify_fatal=1",
						"--output-format=terse", "--directory="+os.TempDir())
					if lines := strings.Count(out, "\n3;fio"); lines+1 < 4 {
						t.Fatalf("fio says\n%s", out)
					}
				}
			})
		}
	}, "fio", "nbdkit")
}

// TestNbdkit runs nbdkit's nbd plugin in front of another nbdkit.
func TestNbdkit(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		file, data := image(t)
		s := peers.NbdkitUnix(t, tree, "file", file)
		use := func(t *testing.T, uri string) {
			copied := filepath.Join(peers.Scratch(t), "copy")
			toolWith(t, tree, nil, "nbdcopy", uri, copied)
			wantFile(t, copied, data)
			toolWith(t, tree, nil, "nbdcopy", copied, uri)
			wantFile(t, file, data)
		}
		t.Run("foreground", func(t *testing.T) {
			t.Setenv("LD_LIBRARY_PATH", built(t))
			use(t, peers.NbdkitUnix(t, tree, "nbd", "socket="+s.Socket).URI(""))
		})
		t.Run("daemon", func(t *testing.T) {
			dir := peers.Scratch(t)
			socket, pidfile := filepath.Join(dir, "sock"), filepath.Join(dir, "pid")
			tool(t, tree, "nbdkit", "-U", socket, "-P", pidfile, "nbd", "uri="+s.URI(""), "shared=true")
			var pid int
			await(t, "nbdkit's pid file", func() bool {
				text, err := os.ReadFile(pidfile)
				if err != nil || !bytes.HasSuffix(text, []byte("\n")) {
					return false
				}
				pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
				return err == nil
			})
			maps, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/maps")
			if err != nil || !bytes.Contains(maps, []byte("libnbd-go")) {
				t.Errorf("nbdkit does not run with our library (%v)", err)
			}
			use(t, "nbd+unix:///?socket="+socket)
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			await(t, "nbdkit's end", func() bool {
				stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
				return err != nil || bytes.Contains(stat, []byte(") Z "))
			})
		})
	}, "nbdkit", "nbdcopy")
}

// await waits for something that cannot tell when it happens.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %s takes too long", what)
		}
	}
}

// TestResults runs one program, its binary unchanged, on either library.
func TestResults(t *testing.T) {
	prog := compile(t, "testdata/results.c")
	for name, args := range map[string][]string{
		"memory":     {"memory", "1M"},
		"simple":     {"--no-sr", "memory", "1M"},
		"read-only":  {"-r", "--filter=cow", "pattern", "1M"},
		"block size": {"--filter=blocksize-policy", "memory", "1M", "blocksize-preferred=32768"},
	} {
		t.Run(name, func(t *testing.T) {
			results := func(env []string) []string {
				s := peers.NbdkitUnix(t, peers.Forky, args...)
				return strings.Split(toolWith(t, peers.Forky, env, prog, s.Socket), "\n")
			}
			got, want := results(ours(t)), results(nil)
			for i := range max(len(got), len(want)) {
				if i >= len(got) || i >= len(want) || got[i] != want[i] {
					t.Errorf("with our library it prints\n%s\nwith the other\n%s", strings.Join(got[i:min(i+3, len(got))], "\n"), strings.Join(want[i:min(i+3, len(want))], "\n"))
					break
				}
			}
		})
	}
}

// TestNbdfuse mounts an export.
func TestNbdfuse(t *testing.T) {
	tree := peers.Forky
	tree.Need(t, "nbdfuse", "nbdkit", "fusermount3")
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		peers.Skip(t, err)
	}
	fuse.Close()
	dir := peers.Scratch(t)
	script, err := os.ReadFile("testdata/fuse.sh")
	if err != nil {
		t.Fatal(err)
	}
	s := peers.NbdkitUnix(t, tree, "memory", "1M")
	if out := tool(t, tree, "sh", "-c", "cd "+dir+"\n"+string(script), "fuse.sh", s.URI("")); out != "1048576\nhello" {
		t.Errorf("it says %q", out)
	}
}

// TestPython runs the official Python binding on our library.
func TestPython(t *testing.T) {
	tree := peers.Forky
	tree.Need(t, "python3", "nbdsh", "nbdkit")
	dir := peers.Scratch(t)
	script, err := os.ReadFile("testdata/users.py")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "users.py")
	if err := os.WriteFile(path, script, 0o600); err != nil {
		t.Fatal(err)
	}
	s := peers.NbdkitUnix(t, tree, "memory", "1M")
	if out := tool(t, tree, "python3", path, s.Socket); out != "all is well\n" {
		t.Errorf("python3 says %s", out)
	}
	if out := tool(t, tree, "nbdsh", "--uri", s.URI(""), "-c", "print(h.get_size())"); out != "1048576\n" {
		t.Errorf("nbdsh says %s", out)
	}
}
