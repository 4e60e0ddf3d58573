package behaviour

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gonbd/gonbd/internal/api"
	"github.com/gonbd/gonbd/internal/handle"
	"github.com/gonbd/gonbd/libnbd"
	"golang.org/x/sys/unix"
)

// goFace calls the methods of a handle by reflection.
type goFace struct {
	api     *API
	create  func() (any, error)
	handles map[string]any
	events  []string
	last    []byte            // the buffer of the last synchronous read
	buffers map[string][]byte // those of asynchronous ones, by handle and cookie
	errno   syscall.Errno     // of the last error
	message string
}

// newGoFace makes a face, and gives what ends it.
func newGoFace(api *API, create func() (any, error)) (Face, func()) {
	f := &goFace{api: api, create: create, handles: map[string]any{}, buffers: map[string][]byte{}}
	return f, func() {
		for _, h := range f.handles {
			reflect.ValueOf(h).MethodByName("Close").Call(nil)
		}
	}
}

// Do implements [Face]. A call that hangs ends the test.
func (f *goFace) Do(line string) (string, error) {
	type result struct {
		outcome string
		err     error
	}
	done := make(chan result, 1)
	go func() {
		outcome, err := f.do(line)
		done <- result{outcome, err}
	}()
	select {
	case r := <-done:
		return r.outcome, r.err
	case <-time.After(timeout):
		return "", fmt.Errorf("no outcome after %v", timeout)
	}
}

func (f *goFace) do(line string) (string, error) {
	words, err := Words(line)
	if err != nil {
		return "", err
	}
	name, verb, _ := strings.Cut(words[0], ".")
	args := &arguments{api: f.api, words: words[1:]}
	outcome, isHelper := f.helper(name, verb, args)
	if !isHelper {
		h, ok := f.handles[name]
		if !ok {
			return "", fmt.Errorf("no handle %s", name)
		}
		outcome = f.call(name, h, verb, args)
	}
	if args.err == nil && len(args.words) > 0 {
		args.err = fmt.Errorf("more arguments than parameters: %v", args.words)
	}
	return outcome, args.err
}

// helper does what is not a method of the handle.
func (f *goFace) helper(name, verb string, args *arguments) (outcome string, ok bool) {
	switch verb {
	case "create":
		h, err := f.create()
		if err != nil {
			return f.failed(err), true
		}
		f.handles[name] = h
		return "ok", true
	case "close":
		reflect.ValueOf(f.handles[name]).MethodByName("Close").Call(nil)
		delete(f.handles, name)
		return "ok", true
	case "get_error":
		return Quote(f.message), true
	case "get_errno":
		return errnoName(f.errno), true
	case "log":
		events := f.events
		f.events = nil
		return joined(events), true
	case "data":
		if len(args.words) == 0 {
			return FormatData(f.last), true
		}
		buf, found := f.buffers[name+" "+args.next()]
		if !found {
			args.err = errors.New("no such buffer")
		}
		return FormatData(buf), true
	}
	if fd, err := descriptor(verb, args); fd >= 0 || err != nil {
		args.err = errors.Join(args.err, err)
		return strconv.Itoa(fd), true
	}
	return "", false
}

// descriptor makes the file descriptors that scripts ask for.
func descriptor(verb string, args *arguments) (int, error) {
	switch verb {
	case "socket":
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return -1, err
		}
		return fd, unix.Connect(fd, &unix.SockaddrUnix{Name: args.next()})
	case "pipe", "idle":
		var fds [2]int
		if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
			return -1, err
		}
		if verb == "pipe" {
			if _, err := unix.Write(fds[1], []byte{'x'}); err != nil {
				return -1, err
			}
		}
		return fds[0], nil
	}
	return -1, nil
}

// call makes a call of the API.
func (f *goFace) call(name string, h any, verb string, args *arguments) string {
	method := reflect.ValueOf(h).MethodByName(api.GoName(verb))
	if !method.IsValid() {
		args.err = fmt.Errorf("%T has no method %s", h, api.GoName(verb))
		return ""
	}
	var buf []byte
	reads := isRead(verb)
	var in []reflect.Value
	for i := range method.Type().NumIn() {
		in = append(in, f.param(method.Type().In(i), verb, args, &buf))
	}
	if args.err != nil || len(args.words) > 0 {
		return ""
	}
	out := method.Call(in)
	if reads {
		f.last = buf
	}
	if err, _ := out[len(out)-1].Interface().(error); err != nil {
		return f.failed(err)
	}
	switch {
	case reads && !strings.HasPrefix(verb, "aio_"):
		return FormatData(buf)
	case len(out) == 1:
		return "ok"
	}
	outcome := show(out[0])
	if reads {
		f.buffers[name+" "+outcome] = buf
	}
	return outcome
}

// isRead says whether a call fills a buffer.
func isRead(verb string) bool {
	return strings.HasPrefix(strings.TrimPrefix(verb, "aio_"), "pread")
}

func (f *goFace) failed(err error) string {
	var he *handle.Error
	if !errors.As(err, &he) {
		return fmt.Sprintf("error of type %T: %v", err, err)
	}
	f.errno, f.message = he.Errno, he.Msg
	var le *libnbd.LibnbdError
	if errors.As(err, &le) {
		f.errno, f.message = le.Errno, le.Errmsg
	}
	return "error " + errnoName(f.errno) + " " + f.message
}

func show(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.String:
		return Quote(v.String())
	case reflect.Pointer:
		return Quote(v.Elem().String())
	}
	return fmt.Sprint(v.Interface())
}

// param makes one parameter of what the line says.
func (f *goFace) param(typ reflect.Type, verb string, args *arguments, buf *[]byte) reflect.Value {
	v := reflect.New(typ).Elem()
	switch {
	case typ == reflect.TypeFor[[]byte]() || typ == reflect.TypeFor[libnbd.AioBuffer]():
		switch {
		case isRead(verb):
			*buf = dirty(int(args.number()))
		case strings.Contains(verb, "pwrite"):
			*buf = args.data()
		default:
			*buf = args.address()
		}
		if typ.Kind() == reflect.Slice {
			v.SetBytes(*buf)
			break
		}
		b := libnbd.MakeAioBuffer(uint(len(*buf)))
		copy(b.Slice(), *buf)
		*buf = b.Slice()
		v.Set(reflect.ValueOf(b))
	case typ.Kind() == reflect.Interface || typ.Kind() == reflect.Func:
		f.setCallback(v, args)
	case typ.Kind() == reflect.Pointer:
		// The structure of optional parameters: a field that says that
		// the next one counts, and that.
		v.Set(reflect.New(typ.Elem()))
		opt := v.Elem()
		for i := 0; i < opt.NumField() && len(args.words) > 0; i += 2 {
			opt.Field(i).SetBool(args.words[0] != "-")
			opt.Field(i + 1).Set(f.param(opt.Field(i+1).Type(), verb, args, buf))
		}
	case typ.Kind() == reflect.Bool:
		v.SetBool(args.truth())
	case typ.Kind() == reflect.String && verb == "aio_connect":
		v.SetString(args.textAddress())
	case typ.Kind() == reflect.String:
		v.SetString(args.str())
	case typ.Kind() == reflect.Slice:
		v.Set(reflect.ValueOf(args.list()))
	case v.CanInt():
		v.SetInt(args.number())
	default:
		v.SetUint(uint64(args.number()))
	}
	return v
}

// dirty makes a buffer that nobody takes for a clean one.
func dirty(n int) []byte {
	buf := make([]byte, n)
	for i := range buf {
		buf[i] = 0xbd
	}
	return buf
}

// arguments are what is left of a line.
type arguments struct {
	api   *API
	words []string
	err   error
}

// next takes a word. Behind the last one it gives none, which for flags and
// callbacks is a default.
func (a *arguments) next() string {
	if len(a.words) == 0 {
		return ""
	}
	w := a.words[0]
	a.words = a.words[1:]
	return w
}

func (a *arguments) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

func (a *arguments) number() int64 {
	w := a.next()
	if w == "" {
		return 0
	}
	n, err := a.api.Number(w)
	if err != nil {
		a.fail(err)
	}
	return n
}

func (a *arguments) truth() bool {
	w := a.next()
	if w != "true" && w != "false" {
		a.fail(fmt.Errorf("%q: expected true or false", w))
	}
	return w == "true"
}

func (a *arguments) str() string {
	w := a.next()
	if w == "" {
		a.fail(errors.New("a string is missing"))
	}
	s, err := a.api.String(w)
	if err != nil {
		a.fail(err)
	}
	return s
}

func (a *arguments) data() []byte {
	data, err := ParseData(a.next())
	if err != nil {
		a.fail(err)
	}
	return data
}

func (a *arguments) list() []string {
	if w := a.next(); w != "[" {
		a.fail(fmt.Errorf("%q: expected a list in brackets", w))
	}
	list := []string{}
	for len(a.words) > 0 && a.words[0] != "]" {
		list = append(list, a.str())
	}
	if w := a.next(); w != "]" {
		a.fail(errors.New("the list is not closed"))
	}
	return list
}

// address makes a raw address.
func (a *arguments) address() []byte {
	kind, rest, _ := strings.Cut(a.str(), ":")
	switch kind {
	case "unix":
		raw, err := handle.UnixAddress(rest)
		if err != nil {
			a.fail(err)
		}
		return raw
	case "tcp":
		ap, err := netip.ParseAddrPort(rest)
		if err != nil {
			a.fail(err)
		}
		return handle.TCPAddress(ap)
	case "family":
		n, err := strconv.ParseUint(rest, 10, 8)
		if err != nil {
			a.fail(err)
		}
		return []byte{byte(n), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	}
	a.fail(fmt.Errorf("an address of kind %q", kind))
	return nil
}

// textAddress gives an address as package libnbd wants it.
func (a *arguments) textAddress() string {
	s := a.str()
	return strings.TrimPrefix(s, "tcp:")
}

// errnoName names an errno, or says 0.
func errnoName(errno syscall.Errno) string {
	if errno == 0 {
		return "0"
	}
	if errno == syscall.ENOTSUP {
		return "ENOTSUP" // glibc's name for what Linux calls EOPNOTSUPP
	}
	return unix.ErrnoName(errno)
}

// errnoOf is the reverse of errnoName.
func errnoOf(name string) (syscall.Errno, bool) {
	for e := syscall.Errno(1); e < 200; e++ {
		if errnoName(e) == name {
			return e, true
		}
	}
	return 0, name == "0"
}
