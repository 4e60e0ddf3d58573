package nbdsh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/dialect"
)

const banner = `
Welcome to nbdsh, the shell for interacting with
Network Block Device (NBD) servers.

%s
h.get_size()                       # Get size of the remote disk.
buf = h.pread(512, 0)              # Read the first sector.
exit() or Ctrl-D                   # Quit the shell
help(nbd)                          # Display documentation

`

const (
	bannerHandle = `The ‘nbd’ module has already been imported and there
is an open NBD handle called ‘h’.
`
	bannerNoHandle = `The ‘nbd’ module has already been imported.

h = nbd.NBD()                      # Create a new handle.`
)

// Prompts, for the first line of a statement and for others.
const (
	promptFirst = "nbd> "
	promptMore  = "...  "
)

// errAbandoned is Ctrl-C at the prompt.
var errAbandoned = errors.New("abandoned")

// lineReader reads lines at a prompt. It fails with io.EOF at their end, and
// with errAbandoned if the line is not to be.
type lineReader interface {
	readLine(ctx context.Context, prompt string) (string, error)
}

// prompt is the shell on a terminal.
func (sh *shell) prompt(ctx context.Context) error {
	hello := bannerHandle
	if sh.noHandle {
		hello = bannerNoHandle
	}
	if _, err := fmt.Fprintf(sh.stdio.Out, banner, hello); err != nil {
		return err
	}
	past, err := openHistory()
	if err != nil {
		fmt.Fprintf(sh.stdio.Err, "nbdsh: what is entered will be forgotten: %v\n", err)
	}
	e := newEditor(sh.stdio.In.(*os.File), sh.stdio.Out, past, sh.complete)
	return sh.converse(ctx, e)
}

// converse reads statements and runs them, until their end or exit.
func (sh *shell) converse(ctx context.Context, lines lineReader) error {
	interrupts, release := cli.Interrupts(ctx)
	defer release()
	for {
		select { // one that came too late for the statement before
		case <-interrupts:
		default:
		}
		more := false
		err := sh.in.Step("prompt", func() (string, error) {
			p := promptFirst
			if more {
				p = promptMore
			}
			more = true
			line, err := lines.readLine(ctx, p)
			return line + "\n", err
		}, func(run func() error) error {
			return sh.interruptible(interrupts, run)
		})
		_, exit := errors.AsType[*dialect.Exit](err)
		switch {
		case err == nil:
		case err == io.EOF:
			_, err := io.WriteString(sh.stdio.Out, "\n")
			return err
		case exit || ctx.Err() != nil:
			return err
		case err == errAbandoned:
			fmt.Fprintln(sh.stdio.Out)
		default:
			fmt.Fprintln(sh.stdio.Err, describe(err))
		}
	}
}

// interruptible runs a statement, which Ctrl-C may end.
func (sh *shell) interruptible(interrupts <-chan struct{}, run func() error) error {
	done, watched := make(chan struct{}), make(chan struct{})
	interrupted := false
	go func() {
		defer close(watched)
		select {
		case <-interrupts:
			interrupted = true
			sh.interrupt()
		case <-done:
		}
	}()
	err := run()
	close(done)
	<-watched
	if interrupted {
		sh.resume()
		if err != nil {
			return errInterrupted
		}
	}
	return err
}

// errInterrupted is how a statement ends by Ctrl-C.
var errInterrupted = errors.New("interrupted")
