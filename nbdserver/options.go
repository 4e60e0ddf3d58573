package nbdserver

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// exportName is NBD_OPT_EXPORT_NAME, which can't be refused but by hanging
// up.
func (h *haggle) exportName(name string) error {
	if h.neg.extended {
		return errors.New("nbdserver: the client sent NBD_OPT_EXPORT_NAME after NBD_OPT_EXTENDED_HEADERS")
	}
	if h.isStopping() {
		return ErrServerClosed
	}
	d, err := h.find(name)
	if err != nil {
		return err
	}
	h.choose(d, name)
	return h.send(wire.AppendExportNameReply(nil, d.size, h.flags(), h.noZeroes))
}

// answer answers the options that neither end the handshake nor change the
// connection.
func (h *haggle) answer(o wire.Option, data []byte) answer {
	off := &h.srv.Disable
	withoutData := func() answer {
		if len(data) > 0 {
			return h.refuse(wire.RepErrInvalid, "%v has no data, but %d bytes came", o, len(data))
		}
		return answer{}
	}
	switch o {
	case wire.OptList:
		if off.List {
			return h.refuse(wire.RepErrPolicy, "this server doesn't list its exports")
		}
		if a := withoutData(); a.rep != 0 {
			return a
		}
		return h.list()

	case wire.OptStructuredReply:
		if off.StructuredReply {
			break
		}
		if h.neg.extended {
			return h.refuse(wire.RepErrExtHeaderReqd, "extended headers are in use already")
		}
		a := withoutData()
		h.neg.structured = h.neg.structured || a.rep == 0
		return a

	case wire.OptExtendedHeaders:
		if off.ExtendedHeaders || off.Go {
			break
		}
		a := withoutData()
		h.neg.extended = h.neg.extended || a.rep == 0
		return a

	case wire.OptListMetaContext, wire.OptSetMetaContext:
		if off.MetaContext {
			break
		}
		return h.metaContext(o, data)
	}
	return h.refuse(wire.RepErrUnsup, "%v is not supported by this server", o)
}

// tls is NBD_OPT_STARTTLS. Nothing that was negotiated before outlives it.
func (h *haggle) tls(data []byte) error {
	const o = wire.OptStartTLS
	switch {
	case !h.srv.hasTLS():
		return h.finish(o, h.refuse(wire.RepErrUnsup, "this server has no TLS"))
	case len(data) > 0:
		return h.finish(o, h.refuse(wire.RepErrInvalid, "%v has no data, but %d bytes came", o, len(data)))
	case h.neg.tls:
		return h.finish(o, h.refuse(wire.RepErrInvalid, "TLS is in use already"))
	case !h.fixed:
		return h.finish(o, h.refuse(wire.RepErrInvalid, "the client didn't choose fixed newstyle, which TLS needs"))
	case h.in.buffered() > 0:
		// It might be somebody else's, and would count as sent inside TLS.
		return errors.New("nbdserver: the client sent more before it had the answer to NBD_OPT_STARTTLS")
	}
	if err := h.finish(o, answer{}); err != nil {
		return err
	}
	secure, err := h.srv.upgrade(h.ctx, h.netConn())
	if err != nil {
		return fmt.Errorf("nbdserver: TLS handshake: %w", err)
	}
	h.mu.Lock()
	h.nc = secure
	h.mu.Unlock()
	h.resolve.release()
	h.neg = negotiated{tls: true}
	return nil
}

// list is NBD_OPT_LIST.
func (h *haggle) list() answer {
	var entries []ListEntry
	if h.srv.List != nil {
		var err error
		if entries, err = h.srv.List(h.ctx, h.conn.info); err != nil {
			return h.refuse(wire.RepErrPolicy, "%s", clientText(err))
		}
	} else {
		for _, e := range h.srv.Exports {
			entries = append(entries, ListEntry{e.Name, e.Description})
		}
	}
	for _, e := range entries {
		if err := errors.Join(checkString(e.Name), checkString(e.Description)); err != nil {
			h.log.Error("export not listed", "name", e.Name, "err", err)
			continue
		}
		if err := h.reply(wire.OptList, wire.RepServer, wire.AppendServer(nil, e.Name, e.Description)); err != nil {
			break // and the last reply fails likewise
		}
	}
	return answer{}
}

// info is NBD_OPT_INFO and NBD_OPT_GO. The disk is nil if it was refused.
func (h *haggle) info(o wire.Option, data []byte) (answer, *disk, string) {
	if h.srv.Disable.Go {
		return h.refuse(wire.RepErrUnsup, "%v is not supported by this server", o), nil, ""
	}
	q, err := wire.ParseInfoRequest(data)
	if err != nil {
		return h.refuse(wire.RepErrInvalid, "%v", err), nil, ""
	}
	d, err := h.find(q.Name)
	if err != nil {
		return h.unknown(err), nil, ""
	}
	flags := h.flagsFor(d)
	if h.neg.contextsExport != q.Name {
		flags &^= wire.FlagBlockStatusPayload
	}
	infos := [][]byte{wire.AppendInfoExport(nil, d.size, flags)}
	wants := func(i wire.Info) bool { return slices.Contains(q.Infos, i) }
	if wants(wire.InfoName) {
		infos = append(infos, wire.AppendInfoString(nil, wire.InfoName, d.export.Name))
	}
	if wants(wire.InfoDescription) && d.export.Description != "" {
		infos = append(infos, wire.AppendInfoString(nil, wire.InfoDescription, d.export.Description))
	}
	if wants(wire.InfoBlockSize) {
		infos = append(infos, wire.AppendInfoBlockSize(nil, d.block))
	}
	for _, i := range infos {
		if err := h.reply(o, wire.RepInfo, i); err != nil {
			break // and the last reply fails likewise
		}
	}
	return answer{}, d, q.Name
}

// unknown answers a client whose export could not be had.
func (h *haggle) unknown(err error) answer {
	if errors.Is(err, fs.ErrPermission) {
		return h.refuse(wire.RepErrPolicy, "%s", clientText(err))
	}
	return h.refuse(wire.RepErrUnknown, "%s", clientText(err))
}

// metaContext is a metadata context that a client chose.
type metaContext struct {
	id      uint32
	context *MetaContext // nil: base:allocation
}

// metaContext is NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT.
func (h *haggle) metaContext(o wire.Option, data []byte) answer {
	set := o == wire.OptSetMetaContext
	if set {
		h.neg.contexts, h.neg.contextsExport = nil, ""
		if !h.neg.structured && !h.neg.extended {
			return h.refuse(wire.RepErrInvalid, "%v needs structured replies or extended headers, which were not negotiated", o)
		}
	}
	q, err := wire.ParseMetaContextRequest(data)
	if err != nil {
		return h.refuse(wire.RepErrInvalid, "%v", err)
	}
	for _, query := range q.Queries {
		if !strings.Contains(query, ":") {
			return h.refuse(wire.RepErrInvalid, "the query %q has no colon behind its namespace", nbderr.Printable(query))
		}
	}
	d, err := h.find(q.Name)
	if err != nil {
		return h.unknown(err)
	}

	matches := func(name string) bool {
		if len(q.Queries) == 0 {
			return !set
		}
		namespace, _, _ := strings.Cut(name, ":")
		return slices.Contains(q.Queries, name) || !set && slices.Contains(q.Queries, namespace+":")
	}
	var found []metaContext
	var names []string
	tooWide := ""
	add := func(name string, m *MetaContext) {
		found = append(found, metaContext{uint32(len(found) + 1), m})
		names = append(names, name)
	}
	if matches(baseAllocation) {
		add(baseAllocation, nil)
	}
	for i := range d.export.MetaContexts {
		m := &d.export.MetaContexts[i]
		switch {
		case !matches(m.Name):
		case m.Wide && !h.neg.extended:
			tooWide = m.Name
		default:
			add(m.Name, m)
		}
	}
	if len(found) == 0 && tooWide != "" {
		return h.refuse(wire.RepErrExtHeaderReqd, "the metadata context %s needs extended headers", tooWide)
	}
	for i, m := range found {
		id := m.id
		if !set {
			id = 0
		}
		if err := h.reply(o, wire.RepMetaContext, wire.AppendMetaContext(nil, id, names[i])); err != nil {
			break // and the last reply fails likewise
		}
	}
	if set {
		h.neg.contexts, h.neg.contextsExport = found, q.Name
	}
	return answer{}
}
