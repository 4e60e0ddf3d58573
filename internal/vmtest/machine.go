package vmtest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/peers"
)

// insideEnv is set in the machine.
const insideEnv = "GONBD_VMTEST"

// How long a test may take before it counts as hanging. The test program in
// the machine ends first, as it can say where it hangs.
const (
	insideTimeout = 4 * time.Minute
	bootTimeout   = 5 * time.Minute
)

// endMark begins the last line that the machine prints, which tells how the
// test program has exited.
const endMark = "vmtest: exit status "

// script is the machine's first process. Output of the tests goes to the
// first serial port, and the kernel's own to the second.
const script = `#!/bin/sh
export PATH=/bin HOME=/ TMPDIR=/tmp ` + insideEnv + `=1
/bin/busybox mount -t devtmpfs dev /dev
exec >/dev/ttyS1 2>&1
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
ip link set lo up
modprobe -a %s
stty -F /dev/ttyS0 115200 raw -echo
/test -test.v -test.timeout %s -test.run '%s' >/dev/ttyS0 2>&1
echo "` + endMark + `$?" >/dev/ttyS0
poweroff -f
`

// boot runs a test of this program in a machine, and gives what it printed.
func boot(t *testing.T, m Machine, root string) (output, console string, err error) {
	k, err := findKernel(root)
	if err != nil {
		return "", "", err
	}
	scratch := peers.Scratch(t)
	files, err := m.files(t, k, filepath.Join(root, "usr/bin/busybox"), t.Name())
	if err != nil {
		return "", "", err
	}
	initrd, err := os.Create(filepath.Join(scratch, "initrd"))
	if err != nil {
		return "", "", err
	}
	if err := errors.Join(writeCPIO(initrd, files), initrd.Close()); err != nil {
		return "", "", err
	}
	consolePath := filepath.Join(scratch, "console")
	cmd := peers.Forky.Command(t, scratch, "qemu-system-x86_64",
		"-accel", "tcg", "-smp", "2", "-m", "1024", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-serial", "stdio", "-serial", "file:"+consolePath,
		"-kernel", strings.TrimPrefix(k.image, root), "-initrd", initrd.Name(),
		"-append", "console=ttyS1 quiet loglevel=5 panic=-1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err = cmd.Start(); err == nil {
		stop := time.AfterFunc(bootTimeout, func() { cmd.Cancel() })
		err = cmd.Wait()
		if !stop.Stop() {
			err = fmt.Errorf("not ended after %v: %w", bootTimeout, err)
		}
	}
	if err != nil {
		err = fmt.Errorf("qemu: %w\n%s", err, &stderr)
	}
	text, consoleErr := os.ReadFile(consolePath)
	if err == nil {
		err = consoleErr
	}
	return firstLine(strings.ReplaceAll(stdout.String(), "\r", "")), strings.ReplaceAll(string(text), "\r", ""), err
}

// firstLine cuts off what the machine's BIOS writes on the first serial port.
func firstLine(output string) string {
	if i := strings.Index(output, "=== RUN"); i >= 0 {
		return output[i:]
	}
	return output
}

// pattern is what to run of the program's tests: the one, or those parts of it
// that this program was told to run.
func pattern(test string) string {
	if f := flag.Lookup("test.run"); f != nil && strings.Contains(f.Value.String(), "/") && !strings.Contains(f.Value.String(), "'") {
		return f.Value.String()
	}
	return "^" + test + "$"
}

// files builds what the machine holds.
func (m Machine) files(t *testing.T, k *kernel, busybox, test string) (map[string]file, error) {
	dir := t.TempDir()
	build := [][]string{{"test", "-c", "-o", filepath.Join(dir, "test"), "."}}
	for _, c := range m.Commands {
		build = append(build, []string{"build", "-o", filepath.Join(dir, "bin") + "/", c})
	}
	for _, args := range build {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	files := map[string]file{
		"init":        {mode: 0o755, data: fmt.Appendf(nil, script, strings.Join(m.Modules, " "), insideTimeout, pattern(test))},
		"test":        {mode: 0o755, from: filepath.Join(dir, "test")},
		"bin/busybox": {mode: 0o755, from: busybox},
		"bin/sh":      {mode: fs.ModeSymlink, data: []byte("busybox")},
		"dev":         {mode: fs.ModeDir | 0o755},
		"proc":        {mode: fs.ModeDir | 0o755},
		"sys":         {mode: fs.ModeDir | 0o755},
		"tmp":         {mode: fs.ModeDir | 0o777},
		"mnt":         {mode: fs.ModeDir | 0o755},
	}
	for _, c := range m.Commands {
		name := filepath.Base(c)
		files["bin/"+name] = file{mode: 0o755, from: filepath.Join(dir, "bin", name)}
	}
	return files, k.addModules(files, m.Modules)
}
