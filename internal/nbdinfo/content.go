package nbdinfo

import (
	"context"
	"os"
	"os/exec"
	"strings"
)

// contentSize is how much of an export is read to recognise its content, in
// bytes.
const contentSize = 8192

// recognise lets file(1) say what begins with these bytes. It reads them from
// a file, as some formats can be recognised in no stream.
func recognise(ctx context.Context, head []byte) (content string, ok bool) {
	program, err := exec.LookPath("file")
	if err != nil {
		return "", false
	}
	f, err := os.CreateTemp("", "nbdinfo")
	if err != nil {
		return "", false
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(head); err != nil {
		return "", false
	}
	out, err := exec.CommandContext(ctx, program, "-b", f.Name()).Output()
	if err != nil && len(out) == 0 {
		return "", false
	}
	content, _, _ = strings.Cut(string(out), "\n")
	return content, len(out) > 0
}
