package main

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"io"
	"os"
	"strings"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbdcopy"
)

const (
	defaultHashBlock = 64 << 10
	maxHashBlock     = 2 << 30
)

// parseBlockHash reads the value of --blkhash.
func parseBlockHash(s string) (*nbdcopy.BlockHash, error) {
	digest, size, sized := strings.Cut(s, "/")
	b := &nbdcopy.BlockHash{BlockSize: defaultHashBlock}
	switch strings.ToLower(digest) {
	case "md5":
		b.New = md5.New
	case "sha1":
		b.New = sha1.New
	case "sha256":
		b.New = sha256.New
	case "sha512":
		b.New = sha512.New
	default:
		return nil, cli.Usagef("--blkhash: the digest %q is none of md5, sha1, sha256 and sha512", digest)
	}
	if !sized {
		return b, nil
	}
	n, err := cli.ParseSize(size)
	if err != nil {
		return nil, cli.Usagef("--blkhash: %v", err)
	}
	if n < 1 || n > maxHashBlock || n&(n-1) != 0 {
		return nil, cli.Usagef("--blkhash: the block size should be a power of 2 up to %d, is %d", int64(maxHashBlock), n)
	}
	b.BlockSize = n
	return b, nil
}

// hashWriter opens what the hash is printed to, before a copy that may take
// long.
func (o *options) hashWriter(stdout io.Writer) (io.WriteCloser, error) {
	if o.copy.BlockHash == nil || o.hashFile == "" {
		return keepOpen{stdout}, nil
	}
	return os.Create(o.hashFile)
}

// keepOpen is a writer that others use too.
type keepOpen struct{ io.Writer }

func (keepOpen) Close() error { return nil }
