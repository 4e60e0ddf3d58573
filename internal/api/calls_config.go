package api

// Configuration before connecting.
var configCalls = []Call{
	{
		Name:    "set_export_name",
		Args:    []Arg{{Name: "export_name", Kind: KindString}},
		Result:  Result{Kind: ResultErr},
		States:  Created | Negotiating,
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "get_export_name",
		Result:  Result{Kind: ResultString},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "set_request_block_size",
		Args:    []Arg{{Name: "request", Kind: KindBool}},
		Result:  Result{Kind: ResultErr},
		States:  Created | Negotiating,
		MayFail: true,
		Since:   "1.12", Symbol: "LIBNBD_1.12",
	},
	{
		Name:    "get_request_block_size",
		Result:  Result{Kind: ResultBool},
		MayFail: true,
		Since:   "1.12", Symbol: "LIBNBD_1.12",
	},
	{
		Name:    "set_full_info",
		Args:    []Arg{{Name: "request", Kind: KindBool}},
		Result:  Result{Kind: ResultErr},
		States:  Created | Negotiating,
		MayFail: true,
		Since:   "1.4", Symbol: "LIBNBD_1.4",
	},
	{
		Name:    "get_full_info",
		Result:  Result{Kind: ResultBool},
		MayFail: true,
		Since:   "1.4", Symbol: "LIBNBD_1.4",
	},
	{
		Name:    "get_canonical_export_name",
		Result:  Result{Kind: ResultString},
		States:  Negotiating | Connected | Closed,
		MayFail: true,
		Since:   "1.4", Symbol: "LIBNBD_1.4",
	},
	{
		Name:    "get_export_description",
		Result:  Result{Kind: ResultString},
		States:  Negotiating | Connected | Closed,
		MayFail: true,
		Since:   "1.4", Symbol: "LIBNBD_1.4",
	},
}
