package erase

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gonbd/gonbd/internal/cli"
)

// ask asks whether to erase. It fails unless the answer is yes, and where
// there is nobody to ask.
func (t *tool) ask(ctx context.Context, off, n int64) error {
	if !cli.IsTerminal(t.stdio.In) {
		return fmt.Errorf("standard input is no terminal, so nobody can be asked: to erase bytes %d - %d of %v, give --yes", off, off+n-1, t.source)
	}
	if err := t.print("PERMANENTLY ERASE everything on %v bytes %d - %d (y/N)? ", t.source, off, off+n-1); err != nil {
		return err
	}
	type line struct {
		text string
		err  error
	}
	answer := make(chan line, 1)
	// Nothing interrupts reading from a terminal. Where the context ends
	// first, so does the program, and the goroutine with it.
	go func() {
		text, err := bufio.NewReader(t.stdio.In).ReadString('\n')
		answer <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case l := <-answer:
		if l.err != nil {
			return fmt.Errorf("operation cancelled, as the question was not answered: %w", l.err)
		}
		if !strings.HasPrefix(strings.ToLower(l.text), "y") {
			return errors.New("operation cancelled")
		}
		return nil
	}
}
