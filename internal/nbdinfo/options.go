package nbdinfo

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbduri"
)

// mode is what the tool is asked for.
type mode int

const (
	modeInfo mode = iota
	modeSize
	modeURI
	modeAsk
	modeMap
	modeList
)

// options is the command line.
type options struct {
	mode    mode
	source  cli.Source
	uri     *nbduri.URI // nil if the source is a command
	json    bool
	color   cli.ColorMode
	content bool

	ask     *question // of modeAsk
	negate  bool      // the question is --cannot, --isnt or --hasnt
	context string    // of modeMap
	totals  bool      // of modeMap

	help, version bool
	listing       string // of options, for completion
}

const usage = `Show what an NBD server tells about itself and its exports.

Usage:
  nbdinfo [--json] NBD
  nbdinfo --size NBD
  nbdinfo --uri [--json] NBD-URI
  nbdinfo --is read-only|rotational|tls NBD
  nbdinfo --can connect|flush|trim|zero|... NBD
  nbdinfo --has structured-reply|extended-headers NBD
  nbdinfo --map[=CONTEXT] [--totals] [--json] NBD
  nbdinfo -L|--list [--json] NBD

NBD is a URI, such as nbd://HOST/EXPORT or nbd+unix:///EXPORT?socket=PATH, or a
server to be started that knows socket activation: [ COMMAND ARGUMENTS... ]

Options:
      --can FLAG          exit with 0 if the answer is yes, 2 if it is no, and 1
      --is FLAG           if it can't be told. The three are the same. A FLAG is
      --has FLAG          block-status-payload, cache, connect, df,
                          extended-headers, fast-zero, flush, fua, multi-conn,
                          read, read-only, rotational, structured-reply, tls,
                          trim, write or zero
      --cannot FLAG       the same with the answers exchanged
      --isnt FLAG
      --hasnt FLAG
      --color             colour the output even if it is no terminal
      --no-color          don't colour the output
      --content           with --list, read the first bytes of each export and
                          let file(1) say what they are
      --no-content        don't do so without --list
      --json              write JSON
  -L, --list              describe all exports of the server
      --map[=CONTEXT]     show the extents of base:allocation, or of the metadata
                          context CONTEXT; if it ends with a colon, of all
                          contexts that begin so
      --totals            with --map, sum up the extents of each type
      --size              print the size of the export in bytes
      --uri               print the URI in its canonical form
      --help              print this and exit
  -V, --version           print the version and exit

Examples:
  nbdinfo nbd://localhost
  nbdinfo --list nbd://example.com
  nbdinfo --can trim "nbd+unix:///?socket=/tmp/nbd.sock"
  nbdinfo --map [ qemu-nbd -r -f qcow2 disk.qcow2 ]
`

// What pflag would show of an option. Spellings of one option have the same.
const (
	theAsk       = "ask"
	theNegation  = "ask for the contrary"
	theColor     = "colour"
	theNoColor   = "no colour"
	theContent   = "content"
	theNoContent = "no content"
)

func parseOptions(args []string) (*options, error) {
	o := new(options)
	f := pflag.NewFlagSet("nbdinfo", pflag.ContinueOnError)

	var content, noContent bool
	var modes []mode
	is := func(name, short string, m mode) {
		f.BoolFuncP(name, short, name, func(string) error {
			modes = append(modes, m)
			return nil
		})
	}
	is("size", "", modeSize)
	is("uri", "", modeURI)
	is("list", "L", modeList)
	f.Func("map", "map", func(context string) error {
		o.context = context
		modes = append(modes, modeMap)
		return nil
	})
	f.Lookup("map").NoOptDefVal = nbd.ContextBaseAllocation
	asking := func(usage string, negate bool, names ...string) {
		for _, name := range names {
			f.Func(name, usage, func(flag string) (err error) {
				o.negate = negate
				modes = append(modes, modeAsk)
				o.ask, err = findQuestion(flag)
				return err
			})
		}
	}
	asking(theAsk, false, "can", "is", "has", "have")
	asking(theNegation, true, "cannot", "can-not", "cant", "isnt", "isnot", "is-not", "hasnt", "hasnot", "has-not", "havent", "havenot", "have-not")
	color := func(usage string, m cli.ColorMode, names ...string) {
		for _, name := range names {
			f.BoolFunc(name, usage, func(string) error {
				o.color = m
				return nil
			})
		}
	}
	color(theColor, cli.ColorAlways, "color", "colour", "colors", "colours")
	color(theNoColor, cli.ColorNever, "no-color", "no-colour", "no-colors", "no-colours")
	f.BoolVar(&content, "content", false, theContent)
	f.BoolVar(&noContent, "no-content", false, theNoContent)
	f.BoolVar(&o.json, "json", false, "json")
	f.BoolVar(&o.totals, "totals", false, "totals")
	f.BoolVar(&o.totals, "total", false, "total")
	f.BoolVar(&o.help, "help", false, "help")
	f.BoolVarP(&o.version, "version", "V", false, "version")

	list := cli.ListingFlags(f)
	sources, err := cli.Parse(f, args)
	o.listing = list()
	if err != nil || o.help || o.version || o.listing != "" {
		return o, err
	}
	if len(modes) > 0 {
		o.mode = modes[len(modes)-1]
	}
	for _, m := range modes {
		if m != o.mode {
			return nil, cli.Usagef("only one of --can (--is, --has and their contraries), --list, --map, --size and --uri can be asked for at a time")
		}
	}
	switch {
	case o.mode == modeAsk && len(modes) > 1:
		return nil, cli.Usagef("only one question can be asked at a time")
	case content && noContent:
		return nil, cli.Usagef("--content and --no-content exclude each other")
	case o.totals && o.mode != modeMap:
		return nil, cli.Usagef("--totals goes with --map only")
	case len(sources) == 0:
		return nil, cli.Usagef("which server? Give an NBD URI, or a command between [ and ]")
	case len(sources) > 1:
		return nil, cli.Usagef("one server can be asked, but there are also %v", sources[1:])
	}
	o.content = content || o.mode != modeList && !noContent
	o.source = sources[0]
	if !o.source.IsCommand() {
		if o.uri, err = nbduri.Parse(o.source.Arg); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// findQuestion finds what a flag such as "read-only" asks. Hyphens, spaces,
// underscores and letter case don't matter.
func findQuestion(flag string) (*question, error) {
	plain := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(flag))
	q, ok := questions[plain]
	if !ok {
		return nil, fmt.Errorf("unknown flag: nbdinfo --help lists them")
	}
	return &q, nil
}
