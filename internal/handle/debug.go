package handle

import "fmt"

// debugging is where debugging messages go.
type debugging struct {
	on       bool
	callback Debug
}

func (d *debugging) print(name, call, msg string) {
	if d.callback != nil {
		d.callback.Debug(call, msg)
		return
	}
	// One write, so that lines of several threads do not mix.
	fmt.Fprint(Stderr, "libnbd: debug: "+name+": "+call+": "+msg+"\n")
}

func (d *debugging) close() {
	if d.callback != nil {
		d.callback.Free()
		d.callback = nil
	}
}

func (h *Handle) setDebug(on bool) error {
	h.debug.on = on
	return nil
}

func (h *Handle) getDebug() (bool, error) { return h.debug.on, nil }

func (h *Handle) setDebugCallback(f Debug) error {
	h.debug.close()
	h.debug.callback = f
	return nil
}

func (h *Handle) clearDebugCallback() error {
	h.debug.close()
	return nil
}
