package api

// What the handshake asks for.
var handshakeCalls = []Call{
	{
		Name:    "set_request_extended_headers",
		Args:    []Arg{{Name: "request", Kind: KindBool}},
		Result:  Result{Kind: ResultErr},
		States:  Created,
		MayFail: true,
		Since:   "1.18", Symbol: "LIBNBD_1.18",
	},
	{
		Name:   "get_request_extended_headers",
		Result: Result{Kind: ResultBool},
		Since:  "1.18", Symbol: "LIBNBD_1.18",
	},
	{
		Name:    "get_extended_headers_negotiated",
		Result:  Result{Kind: ResultBool},
		States:  Negotiating | Connected | Closed,
		MayFail: true,
		Since:   "1.18", Symbol: "LIBNBD_1.18",
	},
	{
		Name:    "set_request_structured_replies",
		Args:    []Arg{{Name: "request", Kind: KindBool}},
		Result:  Result{Kind: ResultErr},
		States:  Created,
		MayFail: true,
		Since:   "1.2", Symbol: "LIBNBD_1.2",
	},
	{
		Name:   "get_request_structured_replies",
		Result: Result{Kind: ResultBool},
		Since:  "1.2", Symbol: "LIBNBD_1.2",
	},
	{
		Name:    "get_structured_replies_negotiated",
		Result:  Result{Kind: ResultBool},
		States:  Negotiating | Connected | Closed,
		MayFail: true,
		Since:   "1.2", Symbol: "LIBNBD_1.2",
	},
	{
		Name:    "set_request_meta_context",
		Args:    []Arg{{Name: "request", Kind: KindBool}},
		Result:  Result{Kind: ResultErr},
		States:  Created | Negotiating,
		MayFail: true,
		Since:   "1.16", Symbol: "LIBNBD_1.16",
	},
	{
		Name:    "get_request_meta_context",
		Result:  Result{Kind: ResultBool},
		MayFail: true,
		Since:   "1.16", Symbol: "LIBNBD_1.16",
	},
	{
		Name:    "set_handshake_flags",
		Args:    []Arg{{Name: "flags", Kind: KindFlags, Of: "handshake_flag"}},
		Result:  Result{Kind: ResultErr},
		States:  Created,
		MayFail: true,
		Since:   "1.2", Symbol: "LIBNBD_1.2",
	},
	{
		Name:   "get_handshake_flags",
		Result: Result{Kind: ResultFlags, Of: "handshake_flag"},
		Since:  "1.2", Symbol: "LIBNBD_1.2",
	},
	{
		Name:    "set_pread_initialize",
		Args:    []Arg{{Name: "request", Kind: KindBool}},
		Result:  Result{Kind: ResultErr},
		MayFail: true,
		Since:   "1.12", Symbol: "LIBNBD_1.12",
	},
	{
		Name:   "get_pread_initialize",
		Result: Result{Kind: ResultBool},
		Since:  "1.12", Symbol: "LIBNBD_1.12",
	},
	{
		Name:    "set_strict_mode",
		Args:    []Arg{{Name: "flags", Kind: KindFlags, Of: "strict"}},
		Result:  Result{Kind: ResultErr},
		MayFail: true,
		Since:   "1.6", Symbol: "LIBNBD_1.6",
	},
	{
		Name:   "get_strict_mode",
		Result: Result{Kind: ResultFlags, Of: "strict"},
		Since:  "1.6", Symbol: "LIBNBD_1.6",
	},
	{
		Name:    "set_opt_mode",
		Args:    []Arg{{Name: "enable", Kind: KindBool}},
		Result:  Result{Kind: ResultErr},
		States:  Created,
		MayFail: true,
		Since:   "1.4", Symbol: "LIBNBD_1.4",
	},
	{
		Name:   "get_opt_mode",
		Result: Result{Kind: ResultBool},
		Since:  "1.4", Symbol: "LIBNBD_1.4",
	},
}
