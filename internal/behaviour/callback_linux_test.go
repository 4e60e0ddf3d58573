package behaviour

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"syscall"

	"github.com/gonbd/gonbd/internal/handle"
	"github.com/gonbd/gonbd/libnbd"
)

// callback is whatever callback a call wants. It logs, and does what the
// script says.
type callback struct {
	face   *goFace
	name   string
	ret    int
	errno  syscall.Errno
	stores bool
}

// setCallback makes the callback that the next word describes. Without one,
// and for "-", there is none.
func (f *goFace) setCallback(v reflect.Value, args *arguments) {
	w := args.next()
	if w == "" || w == "-" {
		return
	}
	name, does, _ := strings.Cut(w, "=")
	c := &callback{face: f, name: name}
	if does != "" {
		ret, errno, stores := strings.Cut(does, "/")
		n, err := strconv.Atoi(ret)
		if err != nil {
			args.fail(err)
		}
		c.ret, c.stores = n, stores
		if stores {
			e, ok := errnoOf(errno)
			if !ok {
				args.fail(fmt.Errorf("no errno %s", errno))
			}
			c.errno = e
		}
	}
	if v.Kind() == reflect.Interface {
		v.Set(reflect.ValueOf(c))
		return
	}
	switch v.Interface().(type) {
	case libnbd.CompletionCallback:
		v.Set(reflect.ValueOf(libnbd.CompletionCallback(c.Complete)))
	case libnbd.ChunkCallback:
		v.Set(reflect.ValueOf(libnbd.ChunkCallback(c.Chunk)))
	case libnbd.ExtentCallback:
		v.Set(reflect.ValueOf(libnbd.ExtentCallback(c.Extent)))
	case libnbd.Extent64Callback:
		v.Set(reflect.ValueOf(libnbd.Extent64Callback(
			func(context string, offset uint64, entries []libnbd.LibnbdExtent, errno *int) int {
				var list []handle.Entry
				for _, e := range entries {
					list = append(list, handle.Entry(e))
				}
				return c.Extent64(context, offset, list, errno)
			})))
	case libnbd.ListCallback:
		v.Set(reflect.ValueOf(libnbd.ListCallback(c.List)))
	case libnbd.ContextCallback:
		v.Set(reflect.ValueOf(libnbd.ContextCallback(c.Context)))
	case libnbd.DebugCallback:
		v.Set(reflect.ValueOf(libnbd.DebugCallback(c.Debug)))
	default:
		args.fail(fmt.Errorf("callback of type %v", v.Type()))
	}
}

func (c *callback) log(format string, args ...any) {
	c.face.events = append(c.face.events, strings.TrimSpace(fmt.Sprintf(c.name+" "+format, args...)))
}

func (c *callback) result(errno *int) int {
	if c.stores {
		*errno = int(c.errno)
	}
	return c.ret
}

func inErrno(errno *int) string { return errnoName(syscall.Errno(*errno)) }

func (c *callback) Free() {
	c.face.events = append(c.face.events, "free "+c.name)
}

func (c *callback) Complete(errno *int) int {
	c.log("%s", inErrno(errno))
	return c.result(errno)
}

func (c *callback) Chunk(subbuf []byte, offset uint64, status uint, errno *int) int {
	c.log("%d %d %s %s", status, offset, FormatData(subbuf), inErrno(errno))
	return c.result(errno)
}

func (c *callback) Extent(context string, offset uint64, entries []uint32, errno *int) int {
	var list []handle.Entry
	for i := 0; i+1 < len(entries); i += 2 {
		list = append(list, handle.Entry{Length: uint64(entries[i]), Flags: uint64(entries[i+1])})
	}
	return c.Extent64(context, offset, list, errno)
}

func (c *callback) Extent64(context string, offset uint64, entries []handle.Entry, errno *int) int {
	var list strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&list, "[%d %d]", e.Length, e.Flags)
	}
	c.log("%s %d %s %s", Quote(context), offset, list.String(), inErrno(errno))
	return c.result(errno)
}

func (c *callback) List(name, description string) int {
	c.log("%s %s", Quote(name), Quote(description))
	return c.ret
}

func (c *callback) Context(name string) int {
	c.log("%s", Quote(name))
	return c.ret
}

func (c *callback) Debug(context, msg string) int {
	c.log("%s %s", Quote(context), Quote(msg))
	return c.ret
}
