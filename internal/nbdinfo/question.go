package nbdinfo

import (
	"context"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbd"
)

// question is what --can and its like ask: about the connection, or about the
// export, which must be opened to know.
type question struct {
	protocol func(nbd.Protocol) bool
	export   func(*nbd.Export) bool
}

func yes(nbd.Protocol) bool { return true }

func tls(p nbd.Protocol) bool { return p.TLS }

func structuredReplies(p nbd.Protocol) bool { return p.StructuredReplies }

func extendedHeaders(p nbd.Protocol) bool { return p.ExtendedHeaders }

func writable(e *nbd.Export) bool { return !e.ReadOnly() }

// questions by their names, in small letters and without hyphens.
var questions = map[string]question{
	"connect":            {protocol: yes},
	"read":               {protocol: yes}, // every server can
	"tls":                {protocol: tls},
	"structured":         {protocol: structuredReplies},
	"structuredreply":    {protocol: structuredReplies},
	"structuredreplies":  {protocol: structuredReplies},
	"extendedheader":     {protocol: extendedHeaders},
	"extendedheaders":    {protocol: extendedHeaders},
	"blockstatuspayload": {export: (*nbd.Export).CanBlockStatusPayload},
	"cache":              {export: (*nbd.Export).CanCache},
	"df":                 {export: (*nbd.Export).CanDF},
	"fastzero":           {export: (*nbd.Export).CanFastZero},
	"flush":              {export: (*nbd.Export).CanFlush},
	"fua":                {export: (*nbd.Export).CanFUA},
	"multiconn":          {export: (*nbd.Export).CanMultiConn},
	"readonly":           {export: (*nbd.Export).ReadOnly},
	"rotational":         {export: (*nbd.Export).Rotational},
	"trim":               {export: (*nbd.Export).CanTrim},
	"write":              {export: writable},
	"zero":               {export: (*nbd.Export).CanWriteZeroes},
}

// answer gives nil for yes and an exit code for no.
func (t *tool) answer(ctx context.Context) error {
	var answer bool
	if t.ask.protocol != nil {
		p, err := t.server.protocol(ctx)
		if err != nil {
			return err
		}
		answer = t.ask.protocol(p)
	} else {
		// With a context selected, qemu-nbd tells of block status payloads.
		c, err := t.server.dial(ctx, nbd.ContextBaseAllocation)
		if err != nil {
			return err
		}
		e := c.Export()
		answer = t.ask.export(&e)
		if err := c.Close(); err != nil {
			return err
		}
	}
	if answer == t.negate {
		return &cli.ExitError{Code: cli.ExitNo}
	}
	return nil
}
