package ublk

import (
	"errors"
	"io/fs"
	"testing"
)

func TestParseDevice(t *testing.T) {
	for name, want := range map[string]int{"-": AnyID, "0": 0, "12": 12, "/dev/ublkb0": 0, "/dev/ublkb63": 63} {
		if got, err := ParseDevice(name); err != nil || got != want {
			t.Errorf("%s is %d, %v, want %d", name, got, err, want)
		}
	}
	for _, name := range []string{"", "--", "-1", "+1", "01", "x", "ublkb0", "/dev/ublkb", "/dev/ublkb-", "/dev/ublkc0", "/dev/ublkb0p1", "1048576"} {
		if got, err := ParseDevice(name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q is %d, %v, want an error", name, got, err)
		}
	}
}

func TestCheck(t *testing.T) {
	good := Config{Queues: 1, Depth: 64, MaxRequest: 65536, Size: 1 << 20, BlockSize: 512, PhysicalBlockSize: 4096}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"no size":         func(c *Config) { c.Size = 0 },
		"part of a block": func(c *Config) { c.Size++ },
		"no power of 2":   func(c *Config) { c.BlockSize = 1536; c.Size = 1536 },
		"small blocks":    func(c *Config) { c.BlockSize = 256 },
		"small physical":  func(c *Config) { c.BlockSize = 8192 },
		"no queues":       func(c *Config) { c.Queues = 0 },
		"no depth":        func(c *Config) { c.Depth = 0 },
		"too much depth":  func(c *Config) { c.Depth = 4097 },
		"small requests":  func(c *Config) { c.MaxRequest = 256 },
	} {
		c := good
		change(&c)
		if c.check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
