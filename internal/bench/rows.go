//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/gonbd/gonbd/internal/testcerts"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

func rows() []row {
	var list []row
	for _, network := range []string{"unix", "tcp"} {
		list = append(list,
			row{name: "nbdcopy, 2 GiB dense, nbdkit file → null:, " + network, wall: 0.75, cpu: 0.85, setup: func(b *bench) (task, error) {
				disk, err := b.dense()
				if err != nil {
					return task{}, err
				}
				uri, err := b.nbdkit(network, "-r", "file", disk)
				return task{args: []string{uri, "null:"}, qemu: toNull(uri, "2G")}, err
			}},
			row{name: "nbdcopy, 2 GiB dense, qemu-nbd raw → null:, " + network, wall: 0.75, cpu: 0.85, setup: func(b *bench) (task, error) {
				disk, err := b.dense()
				if err != nil {
					return task{}, err
				}
				uri, err := b.qemuNBD(network, "raw", disk)
				return task{args: []string{uri, "null:"}, qemu: toNull(uri, "2G")}, err
			}},
		)
	}
	list = append(list,
		row{name: "nbdcopy, 2 GiB dense, nbdkit → file", wall: 0.95, cpu: 1, setup: func(b *bench) (task, error) {
			disk, err := b.dense()
			if err != nil {
				return task{}, err
			}
			uri, err := b.nbdkit("unix", "-r", "file", disk)
			to := filepath.Join(b.dir, "row-copy")
			return task{args: []string{uri, to}, file: to, qemu: []string{"convert", "-f", "raw", "-O", "raw", uri, to}}, err
		}},
		row{name: "nbdcopy, 2 GiB dense, file → nbdkit memory", wall: 0.7, cpu: 0.75, setup: func(b *bench) (task, error) {
			disk, err := b.dense()
			if err != nil {
				return task{}, err
			}
			uri, err := b.nbdkit("unix", "memory", "2G")
			return task{args: []string{disk, uri}, qemu: []string{"convert", "-n", "-f", "raw", "-O", "raw", disk, uri}}, err
		}},
		row{name: "nbdcopy, 2 GiB dense, nbdkit file → nbdkit memory", wall: 0.85, cpu: 0.9, setup: func(b *bench) (task, error) {
			disk, err := b.dense()
			if err != nil {
				return task{}, err
			}
			from, err := b.nbdkit("unix", "-r", "file", disk)
			if err != nil {
				return task{}, err
			}
			to, err := b.nbdkit("unix", "memory", "2G")
			return task{args: []string{from, to}, qemu: []string{"convert", "-n", "-f", "raw", "-O", "raw", from, to}}, err
		}},
	)
	for _, s := range []struct {
		server, format string
		serve          func(*bench, string) (string, error)
	}{
		{"nbdkit file", "raw", func(b *bench, disk string) (string, error) { return b.nbdkit("unix", "-r", "file", disk) }},
		{"qemu-nbd raw", "raw", func(b *bench, disk string) (string, error) { return b.qemuNBD("unix", "raw", disk) }},
		{"qemu-nbd qcow2", "qcow2", func(b *bench, disk string) (string, error) { return b.qemuNBD("unix", "qcow2", disk) }},
	} {
		for _, to := range []string{"null:", "file"} {
			list = append(list, row{name: "nbdcopy, 64 GiB with 1 % of data, " + s.server + " → " + to, wall: 0.8, cpu: 0.9, setup: func(b *bench) (task, error) {
				disk, err := b.sparse(s.format)
				if err != nil {
					return task{}, err
				}
				uri, err := s.serve(b, disk)
				if to == "null:" {
					return task{args: []string{uri, to}, qemu: toNull(uri, "64G")}, err
				}
				file := filepath.Join(b.dir, "row-copy")
				return task{args: []string{uri, file}, file: file, qemu: []string{"convert", "-f", "raw", "-O", "raw", uri, file}}, err
			}})
		}
	}
	list = append(list,
		row{name: "nbdcopy, 1 TiB empty, nbdkit file → null:", wall: 0.8, cpu: 0.9, runs: 10, setup: func(b *bench) (task, error) {
			disk := filepath.Join(b.dir, "row-empty")
			if err := islands(disk, 1<<40, 0, 1<<40); err != nil {
				return task{}, err
			}
			uri, err := b.nbdkit("unix", "-r", "file", disk)
			return task{args: []string{uri, "null:"}}, err // qemu-img takes minutes
		}},
		row{name: "nbdcopy, 4 KiB in each 64 KiB of 8 GiB, nbdkit file → null:", wall: 0.8, cpu: 0.9, setup: func(b *bench) (task, error) {
			disk := filepath.Join(b.dir, "row-islands")
			if err := islands(disk, 8*gib, 4*kib, 64*kib); err != nil {
				return task{}, err
			}
			uri, err := b.nbdkit("unix", "-r", "file", disk)
			return task{args: []string{uri, "null:"}, qemu: toNull(uri, "8G")}, err
		}},
	)
	for _, n := range []string{"1", "4"} {
		list = append(list, row{name: "nbdcopy, 512 MiB, each request 10 ms late, " + n + " connections → null:", wall: 1, setup: func(b *bench) (task, error) {
			uri, err := b.nbdkit("unix", "-r", "--filter=delay", "pattern", "512M", "delay-read=10ms")
			return task{args: []string{"-C", n, uri, "null:"}}, err
		}})
	}
	list = append(list, row{name: "nbdcopy, 2 GiB, pipe → pipe", wall: 1, setup: func(b *bench) (task, error) {
		disk, err := b.dense()
		return task{args: []string{"-", "-"}, pipe: disk}, err
	}})
	for _, kind := range []string{"a pre-shared key", "certificates"} {
		list = append(list, row{name: "nbdcopy, 2 GiB over TLS with " + kind + " → null:", wall: 1, cpu: 1, setup: func(b *bench) (task, error) {
			args, err := b.tls(kind == "certificates")
			return task{args: append(args, "null:")}, err
		}})
	}
	for _, mode := range []string{"--size", "--map"} {
		list = append(list, row{name: "nbdinfo " + mode + ", 20 times", wall: 1, runs: 20, setup: func(b *bench) (task, error) {
			uri, err := b.nbdkit("unix", "-r", "memory", "1G")
			return task{tool: "nbdinfo", args: []string{mode, uri}}, err
		}})
	}
	list = append(list,
		row{name: "nbdinfo --map of 10,485 islands in 64 GiB", wall: 1, setup: func(b *bench) (task, error) {
			disk, err := b.sparse("raw")
			if err != nil {
				return task{}, err
			}
			uri, err := b.nbdkit("unix", "-r", "file", disk)
			return task{tool: "nbdinfo", args: []string{"--map", uri}}, err
		}},
		row{name: "nbddump of 64 MiB", wall: 1, setup: func(b *bench) (task, error) {
			disk, err := b.dense()
			if err != nil {
				return task{}, err
			}
			uri, err := b.nbdkit("unix", "-r", "file", disk)
			return task{tool: "nbddump", args: []string{"-n", "67108864", uri}}, err
		}},
		row{name: "nbddump of 8 GiB empty", wall: 1, setup: func(b *bench) (task, error) {
			uri, err := b.nbdkit("unix", "-r", "memory", "8G")
			return task{tool: "nbddump", args: []string{uri}}, err
		}},
	)
	return list
}

// toNull has qemu-img throw a copy away.
func toNull(uri, size string) []string {
	return []string{"convert", "-n", "-f", "raw", "--target-image-opts", uri, "driver=null-co,size=" + size}
}

// dense makes a disk without a zero block, once.
func (b *bench) dense() (string, error) {
	disk := filepath.Join(b.dir, "dense")
	if _, err := os.Stat(disk); err == nil {
		return disk, nil
	}
	return disk, islands(disk, 2*gib, mib, mib)
}

// sparse makes a disk of 64 GiB with scattered islands of 64 KiB, once.
func (b *bench) sparse(format string) (string, error) {
	raw := filepath.Join(b.dir, "sparse.raw")
	if _, err := os.Stat(raw); err != nil {
		if err := islands(raw, 64*gib, 64*kib, 6400*kib); err != nil {
			return "", err
		}
	}
	if format == "raw" {
		return raw, nil
	}
	disk := filepath.Join(b.dir, "row-sparse."+format)
	out, err := b.c("qemu-img", "convert", "-f", "raw", "-O", format, raw, disk).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("qemu-img: %w\n%s", err, out)
	}
	return disk, nil
}

// islands makes a sparse file with an island of random data in each stretch,
// somewhere in it, at a multiple of its size.
func islands(path string, size, island, stretch int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil || island == 0 {
		return err
	}
	random := rand.NewChaCha8([32]byte{})
	data := make([]byte, island)
	r := rand.New(random)
	for off := int64(0); off+stretch <= size; off += stretch {
		random.Read(data)
		if _, err := f.WriteAt(data, off+r.Int64N(stretch/island)*island); err != nil {
			return err
		}
	}
	return f.Sync()
}

// tls serves 2 GiB over TLS, and gives the source for nbdcopy.
func (b *bench) tls(certificates bool) ([]string, error) {
	dir := filepath.Join(b.dir, "row-tls")
	if err := os.Mkdir(dir, 0o777); err != nil {
		return nil, err
	}
	option, user, params := "", "", ""
	if certificates {
		ca := testcerts.New(failer{}, dir)
		ca.Server()
		ca.Client()
		option, params = "--tls-certificates="+dir, "&tls-hostname=localhost&tls-certificates="+dir
	} else {
		keys := testcerts.WriteKeys(failer{}, dir)
		option, user, params = "--tls-psk="+keys, "alice@", "&tls-psk-file="+keys
	}
	a, err := b.serve("unix", b.peer("nbdkit", "-f", "--tls=require", option, "pattern", "2G")...)
	if err != nil {
		return nil, err
	}
	return []string{"nbds+unix://" + user + "/?socket=" + a.String() + params}, nil
}

// failer ends the program.
type failer struct{}

func (failer) Helper() {}

func (failer) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, append([]any{"bench:"}, args...)...)
	os.Exit(1)
}
