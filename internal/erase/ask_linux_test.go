package erase

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/tooltest"
)

const question = "bytes 1048576 - 3145727 (y/N)? "

func TestQuestion(t *testing.T) {
	for _, test := range []struct {
		answer string
		erased bool
	}{
		{"y\n", true}, {"Y\n", true}, {"yes\n", true}, {"n\n", false}, {"\n", false}, {" y\n", false}, {"no way\n", false},
		{"\x04", false}, // the end of input
	} {
		var erased atomic.Int64
		uri := serve(t, one(&disk{size: 4 << 20, erase: func(off, n int64) error {
			erased.Add(n)
			return nil
		}}))
		terminal, user := tooltest.Pty(t)
		var stdout bytes.Buffer
		if _, err := user.WriteString(test.answer); err != nil {
			t.Fatal(err)
		}
		err := Discard(t.Context(), []string{uri, "-o", "1M", "-l", "2M"}, cli.Stdio{In: terminal, Out: &stdout, Err: os.Stderr})
		if want := "PERMANENTLY ERASE everything on " + uri + " " + question; stdout.String() != want {
			t.Errorf("%q: asked %q, expected %q", test.answer, &stdout, want)
		}
		want := int64(0)
		if test.erased {
			want = 2 << 20
		}
		if erased.Load() != want || (err == nil) != test.erased || err != nil && !strings.Contains(err.Error(), "operation cancelled") {
			t.Errorf("%q: %d bytes erased, expected %d: %v", test.answer, erased.Load(), want, err)
		}
	}
}

// A signal ends the tool while it waits for the answer.
func TestQuestionInterrupted(t *testing.T) {
	uri := serve(t, one(&disk{size: 3 << 20, erase: func(off, n int64) error { return errors.New("erased") }}))
	terminal, user := tooltest.Pty(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("a signal")
	go func() {
		// The terminal is the output too: the user sees the question.
		_, err := bufio.NewReader(user).ReadString(')')
		if err == nil {
			err = stop
		}
		cancel(err)
	}()
	if err := Zero(ctx, []string{uri, "-o", "1M"}, cli.Stdio{In: terminal, Out: terminal, Err: os.Stderr}); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}
