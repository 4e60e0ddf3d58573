package dialect

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// bytesMethod is a method of bytes and bytearrays.
type bytesMethod func(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

var bytesMethods = map[string]bytesMethod{
	"count": func(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		sub, rest, _, err := search(v, name, args, kwargs)
		if err != nil {
			return nil, err
		}
		return starlark.MakeInt(bytes.Count(rest, sub)), nil
	},
	"decode": func(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		encoding, onError := "utf-8", "strict"
		if err := starlark.UnpackArgs(name, args, kwargs, "encoding?", &encoding, "errors?", &onError); err != nil {
			return nil, err
		}
		return decode(v.b, encoding, onError)
	},
	"endswith":   affix(bytes.HasSuffix),
	"startswith": affix(bytes.HasPrefix),
	"find":       find(bytes.Index, false),
	"rfind":      find(bytes.LastIndex, false),
	"index":      find(bytes.Index, true),
	"rindex":     find(bytes.LastIndex, true),
	"hex": func(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		sep := ""
		if err := starlark.UnpackArgs(name, args, kwargs, "sep?", &sep); err != nil {
			return nil, err
		}
		s := hex.EncodeToString(v.b)
		if sep == "" {
			return starlark.String(s), nil
		}
		var pairs []string
		for ; s != ""; s = s[2:] {
			pairs = append(pairs, s[:2])
		}
		return starlark.String(strings.Join(pairs, sep)), nil
	},
	"join": func(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var parts starlark.Iterable
		if err := starlark.UnpackPositionalArgs(name, args, kwargs, 1, &parts); err != nil {
			return nil, err
		}
		var list [][]byte
		it := parts.Iterate()
		defer it.Done()
		for x := starlark.Value(nil); it.Next(&x); {
			p, ok := x.(*Bytes)
			if !ok {
				return nil, fmt.Errorf("%s: expected bytes, not %s", name, x.Type())
			}
			list = append(list, p.b)
		}
		return v.like(bytes.Join(list, v.b)), nil
	},
	"replace": func(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var before, after *Bytes
		count := -1
		if err := starlark.UnpackPositionalArgs(name, args, kwargs, 2, &before, &after, &count); err != nil {
			return nil, err
		}
		return v.like(bytes.Replace(v.b, before.b, after.b, count)), nil
	},
	"split": func(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var sep *Bytes
		count := -1
		if err := starlark.UnpackArgs(name, args, kwargs, "sep??", &sep, "maxsplit?", &count); err != nil {
			return nil, err
		}
		var parts [][]byte
		switch {
		case sep == nil && count >= 0:
			return nil, errors.New("split: maxsplit needs a sep")
		case sep == nil:
			parts = bytes.Fields(v.b)
		case len(sep.b) == 0:
			return nil, errors.New("split: empty separator")
		case count < 0:
			parts = bytes.Split(v.b, sep.b)
		default:
			parts = bytes.SplitN(v.b, sep.b, count+1)
		}
		list := make([]starlark.Value, len(parts))
		for i, p := range parts {
			list[i] = v.like(bytes.Clone(p))
		}
		return starlark.NewList(list), nil
	},
	"strip":  strip(true, true),
	"lstrip": strip(true, false),
	"rstrip": strip(false, true),
	"tobytes": func(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs(name, args, kwargs); err != nil {
			return nil, err
		}
		return NewBytes(bytes.Clone(v.b)), nil
	},
}

// byteArrayMethods are those of bytearrays only.
var byteArrayMethods = map[string]bytesMethod{
	"append": func(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var x starlark.Value
		if err := starlark.UnpackPositionalArgs(name, args, kwargs, 1, &x); err != nil {
			return nil, err
		}
		c, err := toByte(x)
		if err != nil {
			return nil, err
		}
		return starlark.None, v.grow([]byte{c})
	},
	"extend": func(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var x starlark.Iterable
		if err := starlark.UnpackPositionalArgs(name, args, kwargs, 1, &x); err != nil {
			return nil, err
		}
		b, err := ToBytes(x)
		if err != nil {
			return nil, err
		}
		return starlark.None, v.grow(b)
	},
}

func (v *Bytes) grow(b []byte) error {
	if v.shared {
		return errors.New("the bytearray shares its memory with a buffer or a call, so it cannot grow")
	}
	v.b = append(v.b, b...)
	return nil
}

// Attr gives a method.
func (v *Bytes) Attr(name string) (starlark.Value, error) {
	m, ok := bytesMethods[name]
	if !ok && v.mutable {
		m, ok = byteArrayMethods[name]
	}
	if !ok {
		return nil, nil
	}
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return m(v, b.Name(), args, kwargs)
	}), nil
}

// AttrNames lists the methods.
func (v *Bytes) AttrNames() []string {
	var names []string
	for n := range bytesMethods {
		names = append(names, n)
	}
	if v.mutable {
		for n := range byteArrayMethods {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	return names
}

// search reads the parameters of the methods that look for bytes: what for,
// and in which part, which begins at an offset.
func search(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (sub, part []byte, offset int, err error) {
	var x starlark.Value
	start, end := 0, len(v.b)
	if err := starlark.UnpackPositionalArgs(name, args, kwargs, 1, &x, &start, &end); err != nil {
		return nil, nil, 0, err
	}
	sub, err = needle(x)
	if err != nil {
		return nil, nil, 0, err
	}
	clip := func(i int) int {
		if i < 0 {
			i += len(v.b)
		}
		return min(max(i, 0), len(v.b))
	}
	start = clip(start)
	return sub, v.b[start:max(start, clip(end))], start, nil
}

func find(index func(s, sub []byte) int, must bool) bytesMethod {
	return func(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		sub, part, offset, err := search(v, name, args, kwargs)
		if err != nil {
			return nil, err
		}
		i := index(part, sub)
		switch {
		case i >= 0:
			i += offset
		case must:
			return nil, fmt.Errorf("%s: subsection not found", name)
		}
		return starlark.MakeInt(i), nil
	}
}

func affix(has func(s, affix []byte) bool) bytesMethod {
	return func(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		sub, part, _, err := search(v, name, args, kwargs)
		if err != nil {
			return nil, err
		}
		return starlark.Bool(has(part, sub)), nil
	}
}

func strip(left, right bool) bytesMethod {
	return func(v *Bytes, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var set *Bytes
		if err := starlark.UnpackPositionalArgs(name, args, kwargs, 0, &set); err != nil {
			return nil, err
		}
		cut := []byte(" \t\n\r\v\f")
		if set != nil {
			cut = set.b
		}
		b := v.b
		for left && len(b) > 0 && bytes.IndexByte(cut, b[0]) >= 0 {
			b = b[1:]
		}
		for right && len(b) > 0 && bytes.IndexByte(cut, b[len(b)-1]) >= 0 {
			b = b[:len(b)-1]
		}
		return v.like(bytes.Clone(b)), nil
	}
}

// decode makes a string of bytes.
func decode(b []byte, encoding, onError string) (starlark.Value, error) {
	limit := rune(utf8.MaxRune)
	switch strings.ReplaceAll(strings.ToLower(encoding), "_", "-") {
	case "utf-8", "utf8":
		if utf8.Valid(b) {
			return starlark.String(b), nil
		}
		switch onError {
		case "replace":
			return starlark.String(strings.ToValidUTF8(string(b), "\uFFFD")), nil
		case "ignore":
			return starlark.String(strings.ToValidUTF8(string(b), "")), nil
		}
		return nil, errors.New("decode: the bytes are not UTF-8")
	case "ascii", "us-ascii":
		limit = 0x7f
	case "latin-1", "latin1", "iso-8859-1":
		limit = 0xff
	default:
		return nil, fmt.Errorf("decode: unknown encoding %q: expected utf-8, ascii or latin-1", encoding)
	}
	var s strings.Builder
	for i, c := range b {
		switch {
		case rune(c) <= limit:
			s.WriteRune(rune(c))
		case onError == "replace":
			s.WriteRune(utf8.RuneError)
		case onError != "ignore":
			return nil, fmt.Errorf("decode: byte %d is 0x%02x, which is not %s", i, c, encoding)
		}
	}
	return starlark.String(s.String()), nil
}

// encode makes bytes of a string.
func encode(s, encoding string) ([]byte, error) {
	limit := rune(0x7f)
	switch strings.ReplaceAll(strings.ToLower(encoding), "_", "-") {
	case "utf-8", "utf8":
		return []byte(s), nil
	case "ascii", "us-ascii":
	case "latin-1", "latin1", "iso-8859-1":
		limit = 0xff
	default:
		return nil, fmt.Errorf("encode: unknown encoding %q: expected utf-8, ascii or latin-1", encoding)
	}
	var b []byte
	for _, r := range s {
		if r > limit {
			return nil, fmt.Errorf("encode: %q is not %s", r, encoding)
		}
		b = append(b, byte(r))
	}
	return b, nil
}
