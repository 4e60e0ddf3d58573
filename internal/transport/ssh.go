package transport

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// SSHTarget is an NBD server that is reached through a Secure Shell login
// (the nbd+ssh and nbds+ssh URIs of nbd_connect_uri(3)).
type SSHTarget struct {
	User string // login name; if empty, what ssh_config(5) says
	Host string // name, alias of ssh_config(5), or IP address
	Port string // of the SSH server; if empty, what ssh_config(5) says

	// Compress asks ssh for compression.
	Compress bool

	// Socket is the path of a Unix domain socket on the remote machine that
	// the NBD server listens on. If it is empty, NBDPort is used.
	Socket string

	// NBDPort is the TCP port that the NBD server listens on at localhost of
	// the remote machine; if empty, 10809.
	NBDPort string
}

// SSH runs ssh, and there nc on the remote machine, so that NBD flows over the
// standard input and output of ssh. Both programs must be installed. Whatever
// ssh asks, such as a password, it asks on the terminal.
//
// Since a target may come from a URI that a stranger wrote, anything that ssh
// or a shell could take for an option or a command is refused; the path of
// the remote socket is quoted for the remote shell. The error is then of kind
// Local.
func SSH(ctx context.Context, target SSHTarget, opt Options) (*Subprocess, error) {
	op := "ssh to " + nbderr.Printable(target.Host)
	argv, err := target.Argv()
	if err != nil {
		return nil, err
	}
	return onSocketPair(ctx, op, argv, opt)
}

// Argv is the command line of SSH, the same as libnbd's but that it has no -p
// when no port was asked for: ssh_config(5) may know a better one than 22. An
// error is of kind Local.
func (t SSHTarget) Argv() ([]string, error) {
	argv, err := t.argv()
	if err != nil {
		return nil, badArgument("ssh to "+nbderr.Printable(t.Host), err.Error())
	}
	return argv, nil
}

func (t SSHTarget) argv() ([]string, error) {
	argv := []string{"ssh"}
	if t.Compress {
		argv = append(argv, "-C")
	}
	if t.Port != "" {
		if err := checkPort("SSH port", t.Port); err != nil {
			return nil, err
		}
		argv = append(argv, "-p", t.Port)
	}
	if t.User != "" {
		if err := checkWord("SSH user", t.User, "._-+@"); err != nil {
			return nil, err
		}
		argv = append(argv, "-o", "User="+t.User)
	}
	host, err := sshHost(t.Host)
	if err != nil {
		return nil, err
	}
	argv = append(argv, "--", host, "nc")
	switch {
	case t.Socket != "" && t.NBDPort != "":
		return nil, errors.New("both a remote socket and an NBD port are given: expected at most one of them")
	case t.Socket != "":
		quoted, err := quoteRemotePath(t.Socket)
		if err != nil {
			return nil, err
		}
		return append(argv, "-U", quoted), nil
	case t.NBDPort != "":
		if err := checkPort("NBD port", t.NBDPort); err != nil {
			return nil, err
		}
		return append(argv, "localhost", t.NBDPort), nil
	}
	return append(argv, "localhost", strconv.Itoa(nbdPort)), nil
}

// sshHost checks the host, and takes the brackets from an IPv6 address, which
// ssh doesn't want.
func sshHost(host string) (string, error) {
	if host == "" {
		return "", errors.New("the SSH host is empty: expected a name or an IP address")
	}
	bare := host
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		bare = host[1 : len(host)-1]
	}
	if addr, err := netip.ParseAddr(bare); err == nil {
		if zone := addr.Zone(); zone != "" {
			return bare, checkWord("zone of the SSH host", zone, "._-")
		}
		return bare, nil
	}
	return host, checkWord("SSH host", host, "._-")
}

// checkWord refuses what is not letters, digits and the other characters, or
// begins with a hyphen as options do.
func checkWord(what, s, others string) error {
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(others, r)
	}
	switch {
	case strings.HasPrefix(s, "-"):
		return fmt.Errorf("the %s %q begins with a hyphen, as options of ssh do", what, nbderr.Printable(s))
	case !utf8.ValidString(s) || strings.ContainsFunc(s, odd):
		return fmt.Errorf("the %s %q: expected letters, digits and any of %q", what, nbderr.Printable(s), others)
	}
	return nil
}

// checkPort takes a number, or a service name in the characters of RFC 6335.
func checkPort(what, port string) error {
	named := false
	for i, c := range []byte(port) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		named = named || letter
		if !letter && (c < '0' || c > '9') && (c != '-' || i == 0) {
			return fmt.Errorf("the %s %q: expected a number from 1 to 65535 or the name of a service", what, nbderr.Printable(port))
		}
	}
	if named {
		return nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("the %s %q: expected a number from 1 to 65535", what, nbderr.Printable(port))
	}
	return nil
}

// quoteRemotePath quotes a path for the shell of the remote machine, which
// may be of the Bourne or C family or fish: these agree on what stands in
// single quotes, except for the characters refused here.
func quoteRemotePath(path string) (string, error) {
	refused := func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(`'\!`, r) }
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("/._-+@%,:", r)
	}
	switch {
	case strings.HasPrefix(path, "-"):
		return "", fmt.Errorf("the remote socket %q begins with a hyphen, as options of nc do; write ./ before it", nbderr.Printable(path))
	case !utf8.ValidString(path) || strings.ContainsFunc(path, refused):
		return "", fmt.Errorf("the remote socket %q has a character that can't be quoted safely for every remote shell: a control character, a quote, a backslash or an exclamation mark", nbderr.Printable(path))
	case strings.ContainsFunc(path, func(r rune) bool { return !plain(r) }):
		return "'" + path + "'", nil
	}
	return path, nil
}
