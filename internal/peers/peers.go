// Package peers finds and starts the real NBD programs that tests talk to:
// nbdkit, qemu-nbd, nbd-server, the C libnbd tools and others.
//
// They come from two trees: the machine's own (in CI those of Debian 12), and
// the newest releases in the tree that scripts/peers makes in the user's cache
// folder, where scripts/peer-run runs them. A test that is worth running
// against both does so with [Each].
//
// A program that is missing skips the test; with GONBD_NO_SKIP=1 in the
// environment, as in CI, it fails it.
//
// The package is for tests only: no program or library imports it. It installs
// nothing, and it stops only processes that it started.
package peers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Tree is a set of installed programs.
type Tree int

const (
	// Bookworm is the machine's own programs, those on PATH. It is named
	// for what they are in CI.
	Bookworm Tree = iota
	// Forky is the newest releases, in the tree that scripts/peers makes.
	Forky
)

// String is the tree's name, as in the names of subtests.
func (tree Tree) String() string {
	if tree == Forky {
		return "forky"
	}
	return "bookworm"
}

// Trees lists the trees that this machine has. The machine's own is always
// among them, whatever is installed (see [Tree.Need]). Where Forky is missing
// and skipping is forbidden, the test fails.
func Trees(t testing.TB) []Tree {
	t.Helper()
	if err := forkyMissing(); err != nil {
		if skippingForbidden() {
			t.Fatal(err)
		}
		t.Log(err)
		return []Tree{Bookworm}
	}
	return []Tree{Bookworm, Forky}
}

// Each runs f as a subtest against each tree, skipping those that lack one of
// progs.
func Each(t *testing.T, f func(t *testing.T, tree Tree), progs ...string) {
	t.Helper()
	for _, tree := range []Tree{Bookworm, Forky} {
		t.Run(tree.String(), func(t *testing.T) {
			tree.Need(t, progs...)
			f(t, tree)
		})
	}
}

// Need skips the test where the tree lacks one of progs, or fails it where
// skipping is forbidden.
func (tree Tree) Need(t testing.TB, progs ...string) {
	t.Helper()
	for _, prog := range progs {
		if err := tree.lookup(prog); err != nil {
			Skip(t, err)
		}
	}
}

// Root is the folder that the paths of the tree's files begin at: "/", or
// where scripts/peers makes Forky.
func (tree Tree) Root(t testing.TB) string {
	t.Helper()
	if tree == Bookworm {
		return "/"
	}
	root, err := forkyRoot()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// Command prepares a program of the tree to run in the folder scratch, the
// only one of the machine's that a program of Forky sees, at the same path.
// The command runs as the process that Start starts: signals, open files,
// LISTEN_PID and the exit status are its own. It ends with the test.
//
// To change the environment, append to cmd.Environ().
func (tree Tree) Command(t testing.TB, scratch, prog string, args ...string) *exec.Cmd {
	t.Helper()
	tree.Need(t, prog)
	argv, err := tree.argv(scratch, prog, args)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Dir = scratch
	cmd.WaitDelay = 5 * time.Second
	ownGroup(cmd)
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	return cmd
}

// Run runs a program of the tree to its end and returns what it wrote to
// standard output. The test fails if the program does. Files named in args
// must be below [os.TempDir], as those in t.TempDir() are.
//
//	peers.Run(t, tree, "qemu-img", "create", "-f", "qcow2", image, "1G")
func Run(t testing.TB, tree Tree, prog string, args ...string) string {
	t.Helper()
	cmd := tree.Command(t, os.TempDir(), prog, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %s %s: %v\n%s%s", tree, prog, strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String()
}

// Scratch makes an empty folder whose path is short enough for the names of
// Unix sockets in it, which t.TempDir's may not be. It is removed with the
// test.
func Scratch(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gonbd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	// 104 bytes is the shortest sun_path of the systems Go runs on.
	if longest := filepath.Join(dir, "qemu-nbd.sock"); len(longest) >= 104 {
		t.Fatalf("the path of a socket in %s would be too long; set TMPDIR to a shorter path", dir)
	}
	return dir
}

// argv is the command line that runs prog in the folder scratch.
func (tree Tree) argv(scratch, prog string, args []string) ([]string, error) {
	if tree == Bookworm {
		return append([]string{prog}, args...), nil
	}
	run, err := peerRun()
	if err != nil {
		return nil, err
	}
	return append([]string{run, scratch, prog}, args...), nil
}

// lookup says what is missing to run prog.
func (tree Tree) lookup(prog string) error {
	if tree == Bookworm {
		if _, err := exec.LookPath(prog); err != nil {
			return fmt.Errorf("%s is missing on this machine: install it (make check does, on Debian): %w", prog, err)
		}
		return nil
	}
	if err := forkyMissing(); err != nil {
		return err
	}
	root, err := forkyRoot()
	if err != nil {
		return err
	}
	if filepath.IsAbs(prog) {
		_, err := os.Stat(filepath.Join(root, prog))
		if err != nil {
			_, err = os.Stat(prog) // in the scratch folder
		}
		return err
	}
	for _, dir := range []string{"usr/bin", "usr/sbin"} {
		if _, err := os.Stat(filepath.Join(root, dir, prog)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s has no program %s", root, prog)
}

// forkyMissing says why no program of Forky can run here, or nil.
func forkyMissing() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the newest peers run on Linux only: %w", errors.ErrUnsupported)
	}
	if os.Geteuid() != 0 {
		return errors.New("the newest peers can be run by root only")
	}
	root, err := forkyRoot()
	if err != nil {
		return err
	}
	// The file that scripts/peers writes when the tree is complete.
	if _, err := os.Stat(filepath.Join(root, "etc", "gonbd-peers")); err != nil {
		return fmt.Errorf("no newest peers in %s: make them with make peers", root)
	}
	_, err = exec.LookPath("unshare")
	return err
}

// forkyRoot is where scripts/peers makes its tree.
func forkyRoot() (string, error) {
	if root := os.Getenv("GONBD_PEERS_TREE"); root != "" {
		return root, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "gonbd", "peers", "forky"), nil
}

// startDir is where the test binary was started, before any test moved.
var startDir, startDirErr = os.Getwd()

// peerRun finds scripts/peer-run in a folder above the package under test.
func peerRun() (string, error) {
	if startDirErr != nil {
		return "", startDirErr
	}
	for dir := startDir; ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "scripts", "peer-run")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no scripts/peer-run in any folder above %s", startDir)
		}
	}
}

// Skip skips a test for want of something that the machine lacks, or fails it
// with GONBD_NO_SKIP=1 in the environment.
func Skip(t testing.TB, why error) {
	t.Helper()
	if skippingForbidden() {
		t.Fatal(why)
	}
	t.Skip(why)
}

func skippingForbidden() bool {
	return os.Getenv("GONBD_NO_SKIP") == "1"
}
