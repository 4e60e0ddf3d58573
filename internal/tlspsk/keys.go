package tlspsk

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// Key is a pre-shared key. It does not show itself when it is printed,
// logged, or made JSON of.
type Key []byte

// String says how long the key is.
func (k Key) String() string { return fmt.Sprintf("(a key of %d bytes)", len(k)) }

// Format prints what String says, whatever the verb.
func (k Key) Format(f fmt.State, verb rune) { io.WriteString(f, k.String()) }

// MarshalText gives what String says.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Keys are the keys of some users, by name.
type Keys map[string]Key

// Lookup gives the key of a user, as [ServerConfig] wants it.
func (k Keys) Lookup(identity string) (Key, bool) {
	key, ok := k[identity]
	return key, ok
}

// LoadKeys reads a file of keys, as [ParseKeys] describes it. exposed tells
// that others than the file's owner may read it, which deserves a warning; on
// systems without such permissions it is false.
func LoadKeys(path string) (keys Keys, exposed bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Errorf("the file of pre-shared keys: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, fmt.Errorf("the file of pre-shared keys: %w", err)
	}
	keys, err = ParseKeys(f)
	if err != nil {
		return nil, false, fmt.Errorf("the file of pre-shared keys %s: %w", path, err)
	}
	return keys, isExposed(info.Mode()), nil
}

func isExposed(mode fs.FileMode) bool {
	return runtime.GOOS != "windows" && mode.Perm()&0o044 != 0
}

const maxKeyLine = 64 << 10

// ParseKeys reads keys in the format that GnuTLS's psktool writes: one user a
// line, as "name:key" with the key in hexadecimal digits. As for GnuTLS, a
// name that starts with # is one in hexadecimal digits itself. Empty lines are
// skipped, and so are comments: lines that start with # and have no colon, or
// a space before it. Lines may end in CR LF.
//
// An error tells the number of the line, and never a key.
func ParseKeys(r io.Reader) (Keys, error) {
	keys := Keys{}
	lines := map[string]int{}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, maxKeyLine)
	number := 0
	for scanner.Scan() {
		number++
		line := strings.TrimSuffix(scanner.Text(), "\r")
		if isComment(line) {
			continue
		}
		name, key, err := parseKeyLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if before, ok := lines[name]; ok {
			return nil, fmt.Errorf("line %d: the user name %q is on line %d already", number, name, before)
		}
		keys[name], lines[name] = key, number
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("line %d: it is longer than %d bytes", number+1, maxKeyLine)
	case err != nil:
		return nil, err
	case len(keys) == 0:
		return nil, errors.New("there is no key in it; a line with one is like name:0123abcd")
	}
	return keys, nil
}

func isComment(line string) bool {
	if strings.TrimSpace(line) == "" {
		return true
	}
	before, _, colon := strings.Cut(line, ":")
	return line[0] == '#' && (!colon || strings.ContainsAny(before, " \t"))
}

func parseKeyLine(line string) (string, Key, error) {
	name, digits, ok := strings.Cut(line, ":")
	if !ok {
		return "", nil, errors.New("there is no colon; name:key is expected, with the key in hexadecimal digits")
	}
	if encoded, ok := strings.CutPrefix(name, "#"); ok {
		decoded, err := hex.DecodeString(encoded)
		if err != nil {
			return "", nil, fmt.Errorf("the user name %q starts with # and so should be hexadecimal digits, two for each byte", name)
		}
		name = string(decoded)
	}
	if len(name) == 0 || len(name) > maxIdentity {
		return "", nil, fmt.Errorf("the user name has %d bytes; 1 to %d are possible", len(name), maxIdentity)
	}
	// The error of the hex package would tell a part of the key.
	key, err := hex.DecodeString(strings.TrimSpace(digits))
	if err != nil {
		return "", nil, fmt.Errorf("the key of the user %q should be hexadecimal digits, two for each byte, and nothing else", name)
	}
	if len(key) == 0 {
		return "", nil, fmt.Errorf("the key of the user %q is empty", name)
	}
	return name, key, nil
}
