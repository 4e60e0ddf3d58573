package handle

import (
	"errors"
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// option is an option of the handshake that is under way.
type option struct {
	engine.Option

	list       List
	context    Context
	completion Completion

	sync bool // a call waits for it, and owns the callbacks
	done bool
}

// startOption sends an option. If it returns an error the callbacks are still
// the caller's.
func (h *Handle) startOption(o *option) error {
	h.configure()
	if err := h.eng.SubmitOption(&o.Option); err != nil {
		return err
	}
	h.option = o
	h.send()
	return nil
}

// runOption sends an option and waits for its end.
func (h *Handle) runOption(o *option) error {
	o.sync = true
	if err := h.startOption(o); err != nil {
		return err
	}
	for !o.done {
		if err := h.await(nil); err != nil {
			o.list, o.context = nil, nil // the caller's again
			return err
		}
	}
	return o.Err
}

// optionDone takes the end of an option from the engine.
func (h *Handle) optionDone(eo *engine.Option) {
	o := h.option
	if o == nil || &o.Option != eo {
		return
	}
	h.option = nil
	o.done = true
	if o.sync {
		return
	}
	if o.completion != nil {
		h.scratch = int(errnoOf(o.Err))
		o.completion.Complete(&h.scratch)
	}
	o.free()
}

// dropOption frees the option under way, which will never be done.
func (h *Handle) dropOption() {
	if o := h.option; o != nil && !o.sync {
		h.option = nil
		o.free()
	}
}

func (o *option) free() {
	if o.list != nil {
		o.list.Free()
	}
	if o.context != nil {
		o.context.Free()
	}
	if o.completion != nil {
		o.completion.Free()
	}
}

// accepted turns the end of an option into the server's yes or no.
func accepted(err error) (bool, error) {
	if e, ok := errors.AsType[*nbderr.Error](err); ok && e.Kind == nbderr.Server {
		return false, nil
	}
	return err == nil, err
}

func (h *Handle) newOption(code wire.Option) *option {
	return &option{Option: engine.Option{Code: code, MetaContexts: h.requestContexts && (code == wire.OptInfo || code == wire.OptGo)}}
}

func (h *Handle) optGo() error { return h.runOption(h.newOption(wire.OptGo)) }

func (h *Handle) aioOptGo(completion Completion) error {
	o := h.newOption(wire.OptGo)
	o.completion = completion
	return h.startOption(o)
}

func (h *Handle) optInfo() error { return h.runOption(h.newOption(wire.OptInfo)) }

func (h *Handle) aioOptInfo(completion Completion) error {
	o := h.newOption(wire.OptInfo)
	o.completion = completion
	return h.startOption(o)
}

func (h *Handle) optAbort() error { return h.runOption(h.newOption(wire.OptAbort)) }

func (h *Handle) aioOptAbort() error { return h.startOption(h.newOption(wire.OptAbort)) }

func (h *Handle) optStarttls() (bool, error) {
	if err := h.canStartTLS(); err != nil {
		return false, err
	}
	return accepted(h.runOption(h.newOption(wire.OptStartTLS)))
}

func (h *Handle) aioOptStarttls(completion Completion) error {
	if err := h.canStartTLS(); err != nil {
		return err
	}
	o := h.newOption(wire.OptStartTLS)
	o.completion = completion
	return h.startOption(o)
}

func (h *Handle) optExtendedHeaders() (bool, error) {
	return accepted(h.runOption(h.newOption(wire.OptExtendedHeaders)))
}

func (h *Handle) aioOptExtendedHeaders(completion Completion) error {
	o := h.newOption(wire.OptExtendedHeaders)
	o.completion = completion
	return h.startOption(o)
}

func (h *Handle) optStructuredReply() (bool, error) {
	return accepted(h.runOption(h.newOption(wire.OptStructuredReply)))
}

func (h *Handle) aioOptStructuredReply(completion Completion) error {
	o := h.newOption(wire.OptStructuredReply)
	o.completion = completion
	return h.startOption(o)
}

// listing is the end of every synchronous call that is told a list: it gives
// the number of what it was told.
func (h *Handle) listing(o *option) (int, error) {
	if err := h.runOption(o); err != nil {
		return 0, err
	}
	return o.Count, nil
}

func (h *Handle) optList(list List) (int, error) {
	o := h.newOption(wire.OptList)
	o.list = list
	return h.listing(o)
}

func (h *Handle) aioOptList(list List, completion Completion) error {
	o := h.newOption(wire.OptList)
	o.list, o.completion = list, completion
	return h.startOption(o)
}

// contextOption makes an option about metadata contexts. The engine keeps the
// queries only while it sends them.
func (h *Handle) contextOption(code wire.Option, queries []string, context Context) (*option, error) {
	for _, q := range queries {
		if len(q) > wire.MaxString {
			return nil, fault(syscall.ENAMETOOLONG, "a query of %d bytes is longer than the %d that the protocol allows", len(q), wire.MaxString)
		}
	}
	o := h.newOption(code)
	o.Queries, o.context = queries, context
	return o, nil
}

func (h *Handle) runContexts(code wire.Option, queries []string, context Context) (int, error) {
	o, err := h.contextOption(code, queries, context)
	if err != nil {
		return 0, err
	}
	return h.listing(o)
}

// startContexts gives 0: how many there are, the callback finds out.
func (h *Handle) startContexts(code wire.Option, queries []string, context Context, completion Completion) (int, error) {
	o, err := h.contextOption(code, queries, context)
	if err != nil {
		return 0, err
	}
	o.completion = completion
	return 0, h.startOption(o)
}

func (h *Handle) optListMetaContext(context Context) (int, error) {
	return h.runContexts(wire.OptListMetaContext, h.contexts, context)
}

func (h *Handle) aioOptListMetaContext(context Context, completion Completion) (int, error) {
	return h.startContexts(wire.OptListMetaContext, h.contexts, context, completion)
}

func (h *Handle) optListMetaContextQueries(queries []string, context Context) (int, error) {
	return h.runContexts(wire.OptListMetaContext, queries, context)
}

func (h *Handle) aioOptListMetaContextQueries(queries []string, context Context, completion Completion) (int, error) {
	return h.startContexts(wire.OptListMetaContext, queries, context, completion)
}

func (h *Handle) optSetMetaContext(context Context) (int, error) {
	return h.runContexts(wire.OptSetMetaContext, h.contexts, context)
}

func (h *Handle) aioOptSetMetaContext(context Context, completion Completion) (int, error) {
	return h.startContexts(wire.OptSetMetaContext, h.contexts, context, completion)
}

func (h *Handle) optSetMetaContextQueries(queries []string, context Context) (int, error) {
	return h.runContexts(wire.OptSetMetaContext, queries, context)
}

func (h *Handle) aioOptSetMetaContextQueries(queries []string, context Context, completion Completion) (int, error) {
	return h.startContexts(wire.OptSetMetaContext, queries, context, completion)
}
