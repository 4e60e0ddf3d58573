package dialect

import (
	"fmt"

	"go.starlark.net/starlark"
)

// Module is a name for names. Programs cannot change it.
type Module struct {
	name    string
	members starlark.StringDict
}

var _ starlark.HasAttrs = (*Module)(nil)

// NewModule makes a module.
func NewModule(name string, members starlark.StringDict) *Module { return &Module{name, members} }

func (m *Module) String() string        { return fmt.Sprintf("<module '%s'>", m.name) }
func (m *Module) Type() string          { return "module" }
func (m *Module) Freeze()               {}
func (m *Module) Truth() starlark.Bool  { return true }
func (m *Module) Hash() (uint32, error) { return starlark.String(m.name).Hash() }

// Attr gives a member.
func (m *Module) Attr(name string) (starlark.Value, error) {
	if v := m.members[name]; v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("module '%s' has no attribute '%s'", m.name, name)
}

// AttrNames lists the members.
func (m *Module) AttrNames() []string { return m.members.Keys() }
