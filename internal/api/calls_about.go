package api

// About the library, the subprocess and URIs.
var aboutCalls = []Call{
	{
		Name:   "get_package_name",
		Result: Result{Kind: ResultStatic},
		Since:  "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:   "get_version",
		Result: Result{Kind: ResultStatic},
		Since:  "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:   "get_version_extra",
		Result: Result{Kind: ResultStatic},
		Since:  "1.24", Symbol: "LIBNBD_1.24",
	},
	{
		Name:    "kill_subprocess",
		Args:    []Arg{{Name: "signum", Kind: KindInt}},
		Result:  Result{Kind: ResultErr},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "get_subprocess_pid",
		Result:  Result{Kind: ResultInt64},
		MayFail: true,
		Since:   "1.22", Symbol: "LIBNBD_1.22",
	},
	{
		Name:   "supports_tls",
		Result: Result{Kind: ResultBool},
		Since:  "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:   "supports_vsock",
		Result: Result{Kind: ResultBool},
		Since:  "1.16", Symbol: "LIBNBD_1.16",
	},
	{
		Name:   "supports_uri",
		Result: Result{Kind: ResultBool},
		Since:  "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "get_uri",
		Result:  Result{Kind: ResultString},
		States:  Connecting | Negotiating | Connected | Closed | Dead,
		MayFail: true,
		Since:   "1.8", Symbol: "LIBNBD_1.8",
	},
	{
		Name:    "is_uri",
		Args:    []Arg{{Name: "uri", Kind: KindString}},
		Result:  Result{Kind: ResultBool},
		MayFail: true,
		Since:   "1.22", Symbol: "LIBNBD_1.22",
	},
}
