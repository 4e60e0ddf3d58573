package api

// Handles, debugging and statistics.
var handleCalls = []Call{
	{
		Name:    "close",
		Result:  Result{Kind: ResultVoid},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:     "create",
		Result:   Result{Kind: ResultHandle},
		NoHandle: true,
		MayFail:  true,
		Since:    "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:     "get_error",
		Result:   Result{Kind: ResultStatic},
		NoHandle: true,
		MayFail:  true,
		Since:    "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:     "get_errno",
		Result:   Result{Kind: ResultErrno},
		NoHandle: true,
		MayFail:  true,
		Since:    "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "set_debug",
		Args:    []Arg{{Name: "debug", Kind: KindBool}},
		Result:  Result{Kind: ResultErr},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:   "get_debug",
		Result: Result{Kind: ResultBool},
		Since:  "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "set_debug_callback",
		Args:    []Arg{{Name: "debug", Kind: KindCallback, Of: "debug", Null: true}},
		Result:  Result{Kind: ResultErr},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "clear_debug_callback",
		Result:  Result{Kind: ResultErr},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:   "stats_bytes_sent",
		Result: Result{Kind: ResultUint64},
		Since:  "1.16", Symbol: "LIBNBD_1.16",
	},
	{
		Name:   "stats_chunks_sent",
		Result: Result{Kind: ResultUint64},
		Since:  "1.16", Symbol: "LIBNBD_1.16",
	},
	{
		Name:   "stats_bytes_received",
		Result: Result{Kind: ResultUint64},
		Since:  "1.16", Symbol: "LIBNBD_1.16",
	},
	{
		Name:   "stats_chunks_received",
		Result: Result{Kind: ResultUint64},
		Since:  "1.16", Symbol: "LIBNBD_1.16",
	},
	{
		Name:    "set_handle_name",
		Args:    []Arg{{Name: "handle_name", Kind: KindString}},
		Result:  Result{Kind: ResultErr},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "get_handle_name",
		Result:  Result{Kind: ResultString},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:   "set_private_data",
		Args:   []Arg{{Name: "private_data", Kind: KindUintptr}},
		Result: Result{Kind: ResultUintptr},
		Since:  "1.8", Symbol: "LIBNBD_1.8",
	},
	{
		Name:   "get_private_data",
		Result: Result{Kind: ResultUintptr},
		Since:  "1.8", Symbol: "LIBNBD_1.8",
	},
	{
		Name:    "get_handle_size",
		Result:  Result{Kind: ResultSize},
		MayFail: true,
		Since:   "1.24", Symbol: "LIBNBD_1.24",
	},
}
