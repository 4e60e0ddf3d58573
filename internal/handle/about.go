package handle

import (
	"runtime/debug"
	"unsafe"

	"github.com/gonbd/gonbd/internal/engine"
)

// Version is the version of libnbd that the handle is compatible with.
const Version = "1.24.4"

func (h *Handle) getPackageName() (string, error) { return "libnbd", nil }

func (h *Handle) getVersion() (string, error) { return Version, nil }

// getVersionExtra tells which library this is.
func (h *Handle) getVersionExtra() (string, error) { return versionExtra, nil }

var versionExtra = func() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return "gonbd " + info.Main.Version
	}
	return "gonbd"
}()

// getHandleSize estimates what a handle takes: mostly the engine's look-ahead
// buffer.
func (h *Handle) getHandleSize() (uint, error) {
	return uint(unsafe.Sizeof(*h)) + uint(unsafe.Sizeof(engine.Conn{})) + engine.BufferSize, nil
}
