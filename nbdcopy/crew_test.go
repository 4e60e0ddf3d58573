package nbdcopy

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestCrew copies from disks that take their time, and counts the requests in
// flight.
func TestCrew(t *testing.T) {
	for _, row := range []struct {
		name string
		read func() func() // makes what takes the time of a read
		opt  Options
		want int
	}{
		// Twice as many requests are twice as fast.
		{"far away", lasting(10 * time.Millisecond), Options{}, DefaultRequests},
		{"far away, but few are allowed", lasting(10 * time.Millisecond), Options{Requests: 20}, 20},
		// It reads one at a time, so that more in flight gain nothing. Once
		// it is tried.
		{"nearby", oneAtATime(100 * time.Microsecond), Options{}, 2 * firstSize},
		// Very far, so that the first requests come late.
		{"on the moon", lasting(3 * time.Second), Options{}, DefaultRequests},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &fake{data: make([]byte, 16*mib)}
				read := row.read()
				src.onRead = func(p []byte, off int64) (int, error) {
					read()
					return src.read(p, off)
				}
				opt := row.opt
				opt.RequestSize = 4096
				if _, err := Copy(t.Context(), Null(), src, opt); err != nil {
					t.Fatal(err)
				}
				if src.most != row.want {
					t.Errorf("%d requests were in flight, expected %d", src.most, row.want)
				}
			})
		})
	}
}

func lasting(d time.Duration) func() func() {
	return func() func() { return func() { time.Sleep(d) } }
}

func oneAtATime(d time.Duration) func() func() {
	return func() func() {
		turn := make(chan struct{}, 1) // in the bubble
		return func() {
			turn <- struct{}{}
			time.Sleep(d)
			<-turn
		}
	}
}

// TestMaxDefaultQueue checks how many bytes may be in flight over four
// connections.
func TestMaxDefaultQueue(t *testing.T) {
	src := struct {
		*fake
		lines
	}{&fake{}, 4}
	for _, row := range []struct {
		opt  Options
		want int64
	}{
		{Options{}, MaxDefaultQueue},
		{Options{QueueSize: DefaultQueueSize}, 4 * DefaultQueueSize},
		{Options{RequestSize: 2 * MaxDefaultQueue}, 2 * MaxDefaultQueue},
	} {
		c, err := newCopier(t.Context(), Null(), src, row.opt)
		if err != nil {
			t.Fatal(err)
		}
		if c.inFlight != row.want {
			t.Errorf("%+v: %d bytes may be in flight, expected %d", row.opt, c.inFlight, row.want)
		}
	}
}

// TestCrewAsksAgain has a disk nearby move far away in the middle of the copy.
func TestCrewAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fake{data: make([]byte, 64*mib)}
		near := oneAtATime(500 * time.Microsecond)()
		began := time.Now()
		src.onRead = func(p []byte, off int64) (int, error) {
			if time.Since(began) < 3*time.Second {
				near()
			} else {
				time.Sleep(10 * time.Millisecond)
			}
			return src.read(p, off)
		}
		if _, err := Copy(t.Context(), Null(), src, Options{RequestSize: 4096}); err != nil {
			t.Fatal(err)
		}
		if src.most != DefaultRequests {
			t.Errorf("%d requests were in flight, expected %d in the end", src.most, DefaultRequests)
		}
	})
}

// TestConnections checks how many connections count that a copy can use.
func TestConnections(t *testing.T) {
	for _, row := range []struct{ src, dst, want int }{
		{0, 0, 1}, {0, 1, 1}, {0, 4, 4}, {4, 0, 4}, {4, 4, 4}, {1, 4, 1}, {4, 2, 2},
	} {
		if got := connections(lines(row.src), lines(row.dst)); got != row.want {
			t.Errorf("of %d and %d connections, %d count, expected %d", row.src, row.dst, got, row.want)
		}
	}
}

type lines int

func (lines) MaxRequest() int     { return 0 }
func (n lines) Parallel() int     { return int(n) }
func (lines) PreferredBlock() int { return 0 }
