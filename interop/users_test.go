package interop

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
)

// TestUsers builds programs written for the official Go binding of libnbd, as
// its users write them, without cgo and with one replace line in go.mod, and
// runs them.
func TestUsers(t *testing.T) {
	programs := buildUsers(t, "cdi", "kubevirt", "vmsync", "ovirt", "migratekit")
	run := func(t *testing.T, name string, args ...string) string {
		t.Helper()
		out, err := exec.Command(programs[name], args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	disk := sparseDisk()
	image := filepath.Join(peers.Scratch(t), "disk.img")
	if err := os.WriteFile(image, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	uri := func(s *peers.Server) string { return "nbd+unix:///?socket=" + s.Socket }

	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		t.Run("cdi", func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			said := run(t, "cdi", uri(peers.QemuNBD(t, tree, "-r", "-f", "raw", image)), out)
			got, err := os.ReadFile(out)
			if err != nil || !bytes.Equal(got, disk) {
				t.Errorf("the copy differs (%v): %s", err, said)
			}
		})
		t.Run("migratekit", func(t *testing.T) {
			said := run(t, "migratekit", uri(peers.NbdkitUnix(t, tree, "-r", "file", image)))
			if want := fmt.Sprintf("%x\n", sha256.Sum256(disk)); said != want {
				t.Errorf("the digest is %s, want %s", said, want)
			}
		})
		t.Run("vmsync", func(t *testing.T) {
			copied := filepath.Join(peers.Scratch(t), "copy.img")
			if err := os.WriteFile(copied, make([]byte, len(disk)), 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, "vmsync", uri(peers.NbdkitUnix(t, tree, "-r", "file", image)), uri(peers.NbdkitUnix(t, tree, "file", copied)))
			got, err := os.ReadFile(copied)
			if err != nil || !bytes.Equal(got, disk) {
				t.Errorf("the copy differs (%v)", err)
			}
		})
		t.Run("kubevirt", func(t *testing.T) {
			qcow := filepath.Join(peers.Scratch(t), "disk.qcow2")
			peers.Run(t, tree, "qemu-img", "create", "-q", "-f", "qcow2", qcow, "64M")
			peers.Run(t, tree, "qemu-io", "-c", "write -P 1 0 1M", qcow)
			peers.Run(t, tree, "qemu-img", "bitmap", "--add", "-g", "65536", qcow, "b0")
			peers.Run(t, tree, "qemu-io", "-c", "write -P 2 1M 128k", "-c", "write -z 8M 64k", qcow)
			s := peers.QemuNBD(t, tree, "-r", "-f", "qcow2", "-B", "b0", "-x", "vda", qcow)
			want := "1048576 131072 data\n8388608 65536 zero\n"
			if said := run(t, "kubevirt", s.Socket, "vda", "b0"); said != want {
				t.Errorf("it said\n%swant\n%s", said, want)
			}
		})
	}, "nbdkit", "qemu-nbd", "qemu-img", "qemu-io")

	t.Run("ovirt", func(t *testing.T) {
		peers.Bookworm.Need(t, "nbdkit")
		want := "size 1048576\nbase:allocation 32768 0\nbase:allocation 1015808 3\n\"data\"\npread 22\n"
		if said := run(t, "ovirt", "nbdkit", "data", `"data"`, "size=1M"); said != want {
			t.Errorf("it said\n%swant\n%s", said, want)
		}
	})
}

// sparseDisk has data at the beginning, in the middle and at its odd end.
func sparseDisk() []byte {
	disk := make([]byte, 24<<20+512)
	for _, at := range []int{0, 9 << 20, len(disk) - 512} {
		for i := range 512 {
			disk[at+i] = byte(at>>20 + i)
		}
	}
	return disk
}

// buildUsers builds the programs of testdata/users in a module of their own,
// which finds this one in a module proxy of files: as a user's go.mod would,
// it has one replace line.
func buildUsers(t *testing.T, names ...string) map[string]string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir, proxy := t.TempDir(), t.TempDir()
	publish(t, root, proxy)
	if err := os.CopyFS(dir, os.DirFS("testdata/users")); err != nil {
		t.Fatal(err)
	}
	mod := "module example.com/users\n\ngo 1.26\n\nrequire libguestfs.org/libnbd v1.22.1\n\n" +
		"replace libguestfs.org/libnbd => " + filepath.Join(root, "compat/libguestfs.org/libnbd") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod -modcacherw", "GOSUMDB=off", "GOWORK=off",
		// A cache of its own, since the version is always the same.
		"GOMODCACHE="+t.TempDir(), "GOPROXY=file://"+proxy+",file://"+filepath.Join(goEnv(t, "GOMODCACHE"), "cache/download")+",off")
	programs := make(map[string]string)
	for _, name := range names {
		programs[name] = filepath.Join(dir, "bin-"+name)
		cmd := exec.Command("go", "build", "-o", programs[name], "./"+name)
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", name, err, out)
		}
	}
	return programs
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// publish puts this module into a module proxy of files, as version v0.1.0.
func publish(t *testing.T, root, proxy string) {
	t.Helper()
	const module, version = "github.com/gonbd/gonbd", "v0.1.0"
	dir := filepath.Join(proxy, module, "@v")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (rel != "." && strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || rel == "compat" || rel == "bin" || rel == "build"):
			return fs.SkipDir
		case d.IsDir() || rel != "go.mod" && !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		w, err := z.Create(module + "@" + version + "/" + filepath.ToSlash(rel))
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	})
	if err == nil {
		err = z.Close()
	}
	for name, text := range map[string][]byte{
		"list":            []byte(version + "\n"),
		version + ".info": []byte(`{"Version":"` + version + `"}`),
		version + ".mod":  mod,
		version + ".zip":  archive.Bytes(),
	} {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
