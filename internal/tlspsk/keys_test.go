package tlspsk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
)

func TestParseKeys(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       map[string]string
	}{
		{"psktool", "alice:0123456789abcdef\n", map[string]string{"alice": "\x01\x23\x45\x67\x89\xab\xcd\xef"}},
		{"no newline", "alice:01\nbob:02", map[string]string{"alice": "\x01", "bob": "\x02"}},
		{"CR LF", "alice:01\r\n\r\nbob:02\r\n", map[string]string{"alice": "\x01", "bob": "\x02"}},
		{"comments", "# a comment\n#another\n\n  \n# with: a colon\nalice:AbCd\n", map[string]string{"alice": "\xab\xcd"}},
		{"space around the key", "alice: 01 \n", map[string]string{"alice": "\x01"}},
		{"odd names", "bób x:01\n@:02\n", map[string]string{"bób x": "\x01", "@": "\x02"}},
		{"name in hexadecimal", "#613a62:01\n", map[string]string{"a:b": "\x01"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			keys, err := ParseKeys(strings.NewReader(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if len(keys) != len(test.want) {
				t.Errorf("%d keys, want %d", len(keys), len(test.want))
			}
			for name, want := range test.want {
				if key, ok := keys.Lookup(name); !ok || string(key) != want {
					t.Errorf("key %x of %q, %v; want %x", []byte(key), name, ok, want)
				}
			}
		})
	}
}

func TestParseKeysErrors(t *testing.T) {
	const secret = "5ec2e75ec2e7"
	for _, test := range []struct{ text, want string }{
		{"", "there is no key in it; a line with one is like name:0123abcd"},
		{"# nothing\n", "there is no key in it; a line with one is like name:0123abcd"},
		{"\n" + secret + "\n", "line 2: there is no colon; name:key is expected, with the key in hexadecimal digits"},
		{"alice:" + secret + "x", `line 1: the key of the user "alice" should be hexadecimal digits, two for each byte, and nothing else`},
		{"alice:" + secret + "0", `line 1: the key of the user "alice" should be hexadecimal digits, two for each byte, and nothing else`},
		{"alice:b:" + secret, `line 1: the key of the user "alice" should be hexadecimal digits, two for each byte, and nothing else`},
		{"alice:\n", `line 1: the key of the user "alice" is empty`},
		{":" + secret, "line 1: the user name has 0 bytes; 1 to 4096 are possible"},
		{strings.Repeat("a", 4097) + ":" + secret, "line 1: the user name has 4097 bytes; 1 to 4096 are possible"},
		{"#616:" + secret, `line 1: the user name "#616" starts with # and so should be hexadecimal digits, two for each byte`},
		{"alice:01\nbob:02\nalice:" + secret, `line 3: the user name "alice" is on line 1 already`},
		{"alice:01\na:" + strings.Repeat("00", maxKeyLine), "line 2: it is longer than 65536 bytes"},
	} {
		_, err := ParseKeys(strings.NewReader(test.text))
		if err == nil || err.Error() != test.want {
			t.Errorf("error %v, want %s", err, test.want)
		}
		if strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("the error %v tells the key", err)
		}
	}
}

func TestLoadKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if _, _, err := LoadKeys(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "pre-shared keys") {
		t.Errorf("error %v for a file that is not there", err)
	}
	if _, _, err := LoadKeys(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
	if err := os.WriteFile(path, []byte("broken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadKeys(path); err == nil || !strings.Contains(err.Error(), path+": line 1: ") {
		t.Errorf("error %v for a broken file", err)
	}
	if err := os.WriteFile(path, []byte("alice:01\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		mode    fs.FileMode
		exposed bool
	}{{0o600, false}, {0o640, true}, {0o604, true}, {0o622, false}} {
		if err := os.Chmod(path, test.mode); err != nil {
			t.Fatal(err)
		}
		keys, exposed, err := LoadKeys(path)
		if err != nil || string(keys["alice"]) != "\x01" {
			t.Errorf("keys %v, %v", keys, err)
		}
		if want := test.exposed && runtime.GOOS != "windows"; exposed != want {
			t.Errorf("mode %v: exposed is %v", test.mode, exposed)
		}
	}
}

// TestPsktool reads what the program itself has written.
func TestPsktool(t *testing.T) {
	peers.Forky.Need(t, "psktool")
	path := filepath.Join(t.TempDir(), "keys.psk")
	for _, user := range []string{"alice", "bób x"} {
		peers.Run(t, peers.Forky, "psktool", "-u", user, "-p", path)
	}
	keys, exposed, err := LoadKeys(path)
	if err != nil || exposed || len(keys) != 2 || len(keys["alice"]) != 32 || len(keys["bób x"]) != 32 {
		t.Errorf("keys %v, exposed %v, %v", keys, exposed, err)
	}
}

// TestKeyIsSecret prints keys in all ways that come to mind.
func TestKeyIsSecret(t *testing.T) {
	cfg := &ClientConfig{Identity: "alice", Key: Key("secret")}
	keys := Keys{"alice": cfg.Key}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+"\n", cfg.Key)
		fmt.Fprintf(&out, verb+"\n", *cfg)
		fmt.Fprintf(&out, verb+"\n", keys)
	}
	for _, logger := range []*slog.Logger{slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))} {
		logger.Info("look", "key", cfg.Key, "config", cfg, "keys", keys)
	}
	text, err := json.Marshal(map[string]any{"a": keys, "b": cfg.Key})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	for _, leak := range []string{"secret", "736563", "115 101", "0x73", "c2VjcmV0"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q in what was printed:\n%s", leak, &out)
		}
	}
	if !strings.Contains(out.String(), "(a key of 6 bytes)") {
		t.Errorf("printed:\n%s", &out)
	}
}
