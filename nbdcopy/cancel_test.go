package nbdcopy

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// hanging is a disk whose requests, from the third on, take until the context
// ends.
type hanging struct {
	*fake
	stuck chan struct{} // is sent to when a request hangs
	left  chan struct{} // has a value for each request that does not
}

func newHanging() *hanging {
	h := &hanging{&fake{data: noise(1, 8*mib)}, make(chan struct{}, 1000), make(chan struct{}, 2)}
	h.left <- struct{}{}
	h.left <- struct{}{}
	return h
}

func (h *hanging) wait(ctx context.Context) error {
	select {
	case <-h.left:
		return nil
	default:
	}
	h.stuck <- struct{}{}
	<-ctx.Done()
	return context.Cause(ctx)
}

func (h *hanging) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := h.wait(ctx); err != nil {
		return 0, err
	}
	return h.fake.ReadAt(ctx, p, off)
}

func (h *hanging) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := h.wait(ctx); err != nil {
		return 0, err
	}
	return h.fake.WriteAt(ctx, p, off)
}

type hangingStream struct{ *hanging }

func (hangingStream) IsSequential() bool { return true }

// TestCancel ends the context in the middle of copies. Each runs in a bubble,
// which waits until all goroutines have ended.
func TestCancel(t *testing.T) {
	errStop := errors.New("that was enough")
	ready := func() *fake { return &fake{data: noise(1, 8*mib)} }
	for _, row := range []struct {
		name string
		make func(h *hanging) (Destination, Source)
	}{
		{"reading in parallel", func(h *hanging) (Destination, Source) { return ready(), h }},
		{"writing in parallel", func(h *hanging) (Destination, Source) { return h, ready() }},
		{"reading a stream", func(h *hanging) (Destination, Source) { return ready(), hangingStream{h} }},
		{"writing from a stream", func(h *hanging) (Destination, Source) { return h, ordered{ready()} }},
		{"reading for a stream", func(h *hanging) (Destination, Source) { return ordered{ready()}, h }},
		{"writing a stream", func(h *hanging) (Destination, Source) { return hangingStream{h}, ready() }},
		{"stream to stream", func(h *hanging) (Destination, Source) { return hangingStream{h}, ordered{ready()} }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHanging()
				dst, src := row.make(h)
				ctx, cancel := context.WithCancelCause(t.Context())
				go func() {
					<-h.stuck
					cancel(errStop)
				}()
				_, err := Copy(ctx, dst, src, Options{Progress: func(int64, int64) {}})
				if !errors.Is(err, errStop) {
					t.Errorf("the error is %v, expected %v", err, errStop)
				}
			})
		})
	}
	t.Run("before the start", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errStop)
		for _, src := range []Source{ready(), ordered{ready()}} {
			for _, dst := range []Destination{ready(), ordered{ready()}, Null()} {
				if _, err := Copy(ctx, dst, src, Options{}); !errors.Is(err, errStop) {
					t.Errorf("the error is %v, expected %v", err, errStop)
				}
			}
		}
	})
}

// TestCancelPipe ends the context while a pipe neither gives nor takes.
func TestCancelPipe(t *testing.T) {
	errStop := errors.New("that was enough")
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			name string
			make func(r io.Reader, w io.Writer) (Destination, Source)
		}{
			{"reading", func(r io.Reader, _ io.Writer) (Destination, Source) { return Null(), Reader(r) }},
			{"writing", func(_ io.Reader, w io.Writer) (Destination, Source) {
				return Writer(w), &fake{data: noise(1, mib)}
			}},
		} {
			r, w := io.Pipe()
			dst, src := row.make(r, w)
			ctx, cancel := context.WithCancelCause(t.Context())
			done := make(chan error)
			go func() {
				_, err := Copy(ctx, dst, src, Options{})
				done <- err
			}()
			synctest.Wait()
			cancel(errStop)
			if err := <-done; !errors.Is(err, errStop) {
				t.Errorf("%s: the error is %v, expected %v", row.name, err, errStop)
			}
			r.Close() // ends what goes on in the background
			w.Close()
		}
	})
}

// TestProgress copies from a disk that takes its time.
func TestProgress(t *testing.T) {
	for _, row := range []struct {
		name  string
		src   func(*fake) Source
		total int64 // while it is not over
	}{
		{"disk", func(d *fake) Source { return d }, 4 * mib},
		{"stream", func(d *fake) Source { return ordered{d} }, 4 * mib},
		{"reader", func(d *fake) Source { return Reader(io.NewSectionReader(readerAt(d.onRead), 0, d.Size())) }, -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &fake{data: runs4()}
				src.onRead = func(p []byte, off int64) (int, error) {
					time.Sleep(70 * time.Millisecond)
					return src.read(p, off)
				}
				type call struct{ done, total int64 }
				var calls []call
				if _, err := Copy(t.Context(), Null(), row.src(src), Options{Requests: 1, RequestSize: mib / 4, Progress: func(done, total int64) {
					calls = append(calls, call{done, total})
				}}); err != nil {
					t.Fatal(err)
				}
				if len(calls) < 10 {
					t.Fatalf("only %d calls in more than a second: %v", len(calls), calls)
				}
				last := len(calls) - 1
				if calls[last] != (call{4 * mib, 4 * mib}) {
					t.Errorf("the last call is %v", calls[last])
				}
				if !slices.IsSortedFunc(calls, func(a, b call) int { return int(a.done - b.done) }) {
					t.Errorf("the calls go back: %v", calls)
				}
				for _, c := range calls[:last] {
					if c.total != row.total {
						t.Errorf("the total is %d, expected %d", c.total, row.total)
					}
				}
			})
		})
	}
	t.Run("empty", func(t *testing.T) {
		done, total := int64(-2), int64(-2)
		if _, err := Copy(t.Context(), Null(), &fake{}, Options{Progress: func(d, n int64) { done, total = d, n }}); err != nil {
			t.Fatal(err)
		}
		if done != 0 || total != 0 {
			t.Errorf("the last call is of %d, %d", done, total)
		}
	})
}

type readerAt func([]byte, int64) (int, error)

func (f readerAt) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

// runs4 is 4 MiB, half of them zeroes.
func runs4() []byte { return append(make([]byte, 2*mib), noise(6, 2*mib)...) }

// TestSynchronous checks that requests go one after the other, in order.
func TestSynchronous(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, dst := &fake{data: islands(4*mib, 8192)}, &fake{data: make([]byte, 4*mib)}
		src.onRead = func(p []byte, off int64) (int, error) {
			time.Sleep(time.Millisecond)
			return src.read(p, off)
		}
		if _, err := Copy(t.Context(), dst, src, Options{Synchronous: true}); err != nil {
			t.Fatal(err)
		}
		for _, d := range []*fake{src, dst} {
			if d.most != 1 || !slices.IsSorted(d.offsets) {
				t.Errorf("%d requests at once; they are in order: %v", d.most, slices.IsSorted(d.offsets))
			}
		}
	})
}

// deaf is a disk that heeds no context, as files are.
type deaf struct{ *fake }

func (d deaf) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return d.fake.ReadAt(context.Background(), p, off)
}

// TestCancelDeaf ends the context of a copy whose endpoints don't care: what
// is under way is finished, and nothing else is begun.
func TestCancelDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		src := &fake{data: noise(1, 16*mib)}
		src.onRead = func(p []byte, off int64) (int, error) {
			time.Sleep(time.Second)
			return src.read(p, off)
		}
		_, err := Copy(ctx, Null(), deaf{src}, Options{Requests: 2})
		if !errors.Is(err, context.DeadlineExceeded) || len(src.offsets) != 4 {
			t.Errorf("%d reads, expected 4; the error is %v", len(src.offsets), err)
		}
	})
}

// TestRequests checks that as many requests are in flight as the options say,
// and no more.
func TestRequests(t *testing.T) {
	for _, row := range []struct {
		opt  Options
		want int
	}{
		{Options{}, firstSize * share / DefaultRequestSize},
		{Options{RequestSize: share / 4}, firstSize},
		{Options{Requests: 3}, 3},
		{Options{QueueSize: 5 * DefaultRequestSize}, 5},
		{Options{QueueSize: 1}, 1},
		{Options{Requests: 4, QueueSize: 1 << 20, RequestSize: 512 << 10}, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			src := &fake{data: noise(1, 16*mib)}
			src.onRead = func(p []byte, off int64) (int, error) {
				time.Sleep(time.Millisecond)
				return src.read(p, off)
			}
			if _, err := Copy(t.Context(), Null(), src, row.opt); err != nil {
				t.Fatal(err)
			}
			if src.most != row.want {
				t.Errorf("%+v: %d requests were in flight, expected %d", row.opt, src.most, row.want)
			}
		})
	}
}
