package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/internal/tooltest"
	"github.com/gonbd/gonbd/nbdserver"
)

var tools = tooltest.Tools{"nbdcopy": run}

// lines are calls of nbdcopy, by the C program and ours. SRC is each of the
// sources of the test, or just one if that is named: a file, a server's URI or
// a command; OUT is a file of its own, TARGET the URI of a server that holds
// other data.
var lines = []string{
	"SRC OUT", "SRC null:", "SRC -", "SRC TARGET",
	"--allocated SRC OUT", "--allocated SRC TARGET", "--blkhash SRC OUT", "--blkhash=md5 SRC null:", "--blkhash=sha1/4k SRC null:",
	"--blkhash=SHA512/512 SRC null:", "--blkhash=sha256/4M SRC null:", "--blkhash-file=OUT --blkhash SRC null:",
	"--blkhash-file=OUT FILE null:", "-C 1 SRC OUT", "--connections=3 SRC TARGET", "--destination-is-zero SRC OUT", "--target-is-zero SRC OUT",
	"--flush SRC OUT", "--flush SRC TARGET", "--no-extents SRC OUT", "-p SRC OUT", "--progress SRC null:", "--queue-size=1M SRC OUT", "--request-size=4096 SRC OUT",
	"--request-size=32M SRC OUT", "-R 1 SRC OUT", "--requests=200 SRC TARGET", "-S 0 SRC OUT", "-S 512 SRC OUT", "--sparse=1M SRC TARGET",
	"--synchronous SRC OUT", "--synchronous SRC TARGET", "-T 1 SRC OUT", "--threads=3 SRC TARGET", "-v FILE null:",
	"--allo FILE OUT", "--synch --flush FILE OUT", "-C2 -R4 -S4096 FILE OUT",
	"[ nbdkit file FILE ] OUT", "[ nbdkit file FILE ] -", "[ nbdkit file FILE ] TARGET", "-C 4 FILE [ nbdkit memory 4M ]", "[ nbdkit file FILE ] [ nbdkit memory 4M ]",

	// What is wrong.
	"", "FILE", "FILE OUT OUT", "--unknown FILE OUT", "-Z FILE OUT", "FILE SMALL", "- SMALL", "NONE OUT", "FILE NONE/x", "null: OUT", "null: null:",
	"nbd+unix:///?socket=NONE OUT", "FILE nbd+unix:///?socket=NONE", "[ NONE ] OUT", "[ FILE", "FILE OUT ]", "[ ] OUT", "nbd: OUT", "http://localhost OUT",
	"-C 0 FILE OUT", "-C x FILE OUT", "-C 99999999999999 FILE OUT", "-R 0 FILE OUT", "-R x FILE OUT", "-T x FILE OUT",
	"-S 3 FILE OUT", "-S 1 FILE OUT", "-S 511 FILE OUT", "-S x FILE OUT", "-S 8G FILE OUT", "--request-size=0 FILE OUT", "--request-size=5000 FILE OUT",
	"--request-size=64M FILE OUT", "--request-size=2048 FILE OUT", "--request-size=x FILE OUT", "--queue-size=x FILE OUT", "--progress=x FILE OUT",
	"--blkhash=md6 FILE OUT", "--blkhash=md5/3 FILE OUT", "--blkhash=md5/ FILE OUT", "--blkhash=md5/0 FILE OUT", "--blkhash=md5/4G FILE OUT",
	"--blkhash=md5/-1 FILE OUT", "--blkhash --blkhash-file=NONE/x FILE OUT", "--flush=1 FILE OUT", "--allocated=no FILE OUT",
}

// differ are the lines that differ, and why.
var differ = map[string]string{
	"--blkhash SRC -": "C's hash overwrites the copy, if standard output is a file",
	"- OUT":           "C wants to truncate standard input, if that is /dev/null",
	"- -":             "C wants to truncate standard input, if that is /dev/null",
	"-C -1 FILE OUT":  "C takes negative numbers",
	"-T -1 FILE OUT":  "C takes negative numbers",
}

// TestCompare has the C program and ours do the same: output, exit codes and
// disks must be equal, and our files no larger.
func TestCompare(t *testing.T) {
	peers.Forky.Need(t, "nbdcopy", "nbdkit", "qemu-nbd", "nbd-server")
	dir := peers.Scratch(t)
	data := compareDisk(t, filepath.Join(dir, "file"))
	qcow2 := filepath.Join(dir, "qcow2")
	peers.Run(t, peers.Forky, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", filepath.Join(dir, "file"), qcow2)
	serve := server(t, &nbdserver.Export{Backend: disk(t, int64(len(data)), string(data)), MultiConn: true})
	sources := []string{
		"FILE",
		peers.NbdkitUnix(t, peers.Forky, "file", filepath.Join(dir, "file")).URI(""),
		peers.NbdkitUnix(t, peers.Forky, "--no-sr", "--filter=noextents", "file", filepath.Join(dir, "file")).URI(""),
		peers.QemuNBD(t, peers.Forky, "--read-only", "--shared=8", "--format=qcow2", qcow2).URI(""),
		peers.NBDServer(t, peers.Forky, "[disk]\nexportname = "+filepath.Join(dir, "file")+"\nreadonly = true\n").URI("disk"),
		serve,
	}
	if err := os.WriteFile(filepath.Join(dir, "small"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	small := server(t, &nbdserver.Export{Backend: nbdserver.NewMemory(int64(len(data)) - 512)})
	targets := [2]*nbdserver.Memory{nbdserver.NewMemory(int64(len(data))), nbdserver.NewMemory(int64(len(data)))}
	target := [2]string{}
	for i, m := range targets {
		target[i] = server(t, &nbdserver.Export{Backend: m, MultiConn: true})
	}
	for _, line := range slices.Concat(lines, slices.Sorted(maps.Keys(differ))) {
		t.Run(line, func(t *testing.T) {
			which := sources[:1]
			if strings.Contains(line, "SRC") {
				which = sources
			}
			for _, source := range which {
				outcomes := [2]peers.Outcome{}
				outs := [2]string{filepath.Join(dir, "ours"), filepath.Join(dir, "theirs")}
				for i, out := range outs {
					if _, err := targets[i].WriteAt(bytes.Repeat([]byte{0xaa}, len(data)), 0); err != nil {
						t.Fatal(err)
					}
					os.Remove(out)
					args := strings.Fields(strings.NewReplacer("SRC", source, "FILE", filepath.Join(dir, "file"), "OUT", out, "TARGET", target[i], "SMALL", small, "NONE", filepath.Join(dir, "none")).
						Replace(strings.ReplaceAll(line, "SRC", source)))
					if i == 0 {
						outcomes[i] = tools.Run(t, "", append([]string{"nbdcopy"}, args...)...)
					} else {
						outcomes[i] = peers.Outcomes(t, peers.Forky, os.TempDir(), [][]string{append([]string{"nbdcopy"}, args...)})[0]
					}
				}
				ours, theirs := outcomes[0], outcomes[1]
				if equal := ours.Code == theirs.Code && ours.Stdout == theirs.Stdout; differ[line] != "" {
					if equal {
						t.Errorf("from %s: ours does what C does, but a difference was expected: %s", source, differ[line])
					}
					continue
				}
				if ours.Code != theirs.Code || ours.Stdout != theirs.Stdout || (ours.Code != 0) && ours.Stderr == "" {
					t.Errorf("from %s: exit code %d, %d bytes of output; C has %d and %d\n%s\nC: %s", source, ours.Code, len(ours.Stdout), theirs.Code, len(theirs.Stdout), ours.Stderr, theirs.Stderr)
					continue
				}
				if ours.Code != 0 {
					continue // what is left of a copy is not defined
				}
				if content(t, targets[0]) != content(t, targets[1]) {
					t.Errorf("from %s: the targets differ", source)
				}
				compareFiles(t, source, outs, !strings.Contains(line, "--allo"))
			}
		})
	}
}

// compareDisk makes a disk with data, zeroes and holes, and gives its content.
func compareDisk(t *testing.T, path string) []byte {
	t.Helper()
	data := make([]byte, 3<<20+512)
	for _, r := range [][2]int{{0, 100_000}, {1<<20 - 7, 1<<20 + 900_009}, {len(data) - 1, len(data)}} {
		for i := r[0]; i < r[1]; i++ {
			data[i] = byte(i%251 + i>>13 + 1)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(len(data))); err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]int{{0, 512 << 10}, {1<<20 - 4096, 2 << 20}, {len(data) - 512, len(data)}} {
		if _, err := f.WriteAt(data[r[0]:r[1]], int64(r[0])); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

// compareFiles compares the files that the programs wrote, if they did.
func compareFiles(t *testing.T, source string, outs [2]string, sparse bool) {
	t.Helper()
	content, blocks := [2]string{}, [2]int64{}
	for i, out := range outs {
		b, err := os.ReadFile(out)
		content[i] = fmt.Sprintf("%v %s", err == nil, b)
		if info, err := os.Stat(out); err == nil {
			blocks[i] = info.Sys().(*syscall.Stat_t).Blocks
		}
	}
	if content[0] != content[1] {
		t.Errorf("from %s: the files differ", source)
	}
	if sparse && blocks[0] > blocks[1] {
		t.Errorf("from %s: our file has %d blocks, C's %d", source, blocks[0], blocks[1])
	}
}
