package nbd

import (
	"crypto/tls"
	"io"
	"log/slog"

	"github.com/gonbd/gonbd/internal/tlsclient"
	"github.com/gonbd/gonbd/nbduri"
)

// Config is how a client connects. The zero value is good: the default
// export, one connection, and every feature that the server has.
type Config struct {
	// Export is the name of the export; "" is the server's default. The URI
	// overrides it.
	Export string

	// Connections is how many connections to open, if the server allows
	// several and the transport can be dialled again; 0 counts as 1.
	Connections int

	// MetaContexts are the metadata contexts to select, for Extents: names
	// such as "base:allocation", or queries as the server understands them.
	MetaContexts []string

	// TLS is used for nbds URIs, and makes NewClient ask for TLS, without
	// which it fails. If it has no ServerName, the URI's host is taken. What
	// the URI says about certificates it overrides.
	TLS *tls.Config

	// PSK is used likewise, for TLS with a pre-shared key.
	PSK *PSK

	// AllowTLS makes plain nbd URIs ask for TLS too, and go on without it
	// where the server has none. It protects from nobody who can change what
	// is sent.
	AllowTLS bool

	// Permissions restrict what a URI may do; nil stands for
	// nbduri.DefaultPermissions.
	Permissions *nbduri.Permissions

	// NoStructuredReplies and NoExtendedHeaders keep the client from asking
	// for them. Extents need the former.
	NoStructuredReplies bool
	NoExtendedHeaders   bool

	// Logger gets messages of level Debug about connections, and of level
	// Warn about what a server does wrong. It may be nil.
	Logger *slog.Logger

	// Stderr is where a subprocess's standard error goes; nil is os.Stderr.
	Stderr io.Writer
}

// PSK is a pre-shared key for TLS.
type PSK struct {
	// Identity is the user name that the server knows the key by. It is sent
	// in the clear.
	Identity string
	// Key is the key itself, usually of 32 random bytes. It is never printed.
	Key tlsclient.Key
}

// An Option changes a Config.
type Option func(*Config)

// WithExport names the export.
func WithExport(name string) Option { return func(c *Config) { c.Export = name } }

// WithConnections sets how many connections to open, if the server allows
// several.
func WithConnections(n int) Option { return func(c *Config) { c.Connections = n } }

// WithMetaContexts selects metadata contexts, for [Client.Extents].
func WithMetaContexts(names ...string) Option {
	return func(c *Config) { c.MetaContexts = append(c.MetaContexts, names...) }
}

// WithTLSConfig sets the TLS configuration for nbds URIs.
func WithTLSConfig(t *tls.Config) Option { return func(c *Config) { c.TLS = t } }

// WithPSK sets a pre-shared key for nbds URIs.
func WithPSK(identity string, key []byte) Option {
	return func(c *Config) { c.PSK = &PSK{Identity: identity, Key: key} }
}

// WithAllowedTLS makes plain nbd URIs ask for TLS too, and go on without it.
func WithAllowedTLS() Option { return func(c *Config) { c.AllowTLS = true } }

// WithPermissions restricts what a URI may do: which transports, TLS, and
// local files it may use.
func WithPermissions(p nbduri.Permissions) Option { return func(c *Config) { c.Permissions = &p } }

// WithoutStructuredReplies keeps the client from asking for structured
// replies, as old clients do.
func WithoutStructuredReplies() Option { return func(c *Config) { c.NoStructuredReplies = true } }

// WithoutExtendedHeaders keeps the client from asking for extended headers.
func WithoutExtendedHeaders() Option { return func(c *Config) { c.NoExtendedHeaders = true } }

// WithLogger sets the logger.
func WithLogger(l *slog.Logger) Option { return func(c *Config) { c.Logger = l } }

// WithStderr sets where a subprocess's standard error goes.
func WithStderr(w io.Writer) Option { return func(c *Config) { c.Stderr = w } }

func (c *Config) logger() *slog.Logger {
	if c.Logger != nil {
		return c.Logger
	}
	return slog.New(slog.DiscardHandler)
}

func newConfig(opts []Option) *Config {
	cfg := new(Config)
	for _, o := range opts {
		o(cfg)
	}
	return cfg
}
