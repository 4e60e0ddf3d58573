package api

// Newer than the version that the C library is compatible with.
var newerCalls = []Call{
	{
		Name:    "set_keepalive",
		Args:    []Arg{{Name: "enable", Kind: KindBool}},
		Result:  Result{Kind: ResultErr},
		States:  Created,
		MayFail: true,
		Since:   "1.26",
	},
	{
		Name:    "get_keepalive",
		Result:  Result{Kind: ResultBool},
		MayFail: true,
		Since:   "1.26",
	},
	{
		Name:    "set_tcp_option",
		Args:    []Arg{{Name: "option", Kind: KindInt}, {Name: "v", Kind: KindInt}},
		Result:  Result{Kind: ResultErr},
		States:  Created,
		MayFail: true,
		Since:   "1.26",
	},
}
