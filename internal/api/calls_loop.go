package api

// For poll loops of the caller's own.
var loopCalls = []Call{
	{
		Name:    "aio_get_fd",
		Result:  Result{Kind: ResultFD},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:   "aio_get_direction",
		Result: Result{Kind: ResultUint},
		Since:  "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "aio_notify_read",
		Result:  Result{Kind: ResultErr},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "aio_notify_write",
		Result:  Result{Kind: ResultErr},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:   "aio_is_created",
		Result: Result{Kind: ResultBool},
		Since:  "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:   "aio_is_connecting",
		Result: Result{Kind: ResultBool},
		Since:  "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:   "aio_is_negotiating",
		Result: Result{Kind: ResultBool},
		Since:  "1.4", Symbol: "LIBNBD_1.4",
	},
	{
		Name:   "aio_is_ready",
		Result: Result{Kind: ResultBool},
		Since:  "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:   "aio_is_processing",
		Result: Result{Kind: ResultBool},
		Since:  "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:   "aio_is_dead",
		Result: Result{Kind: ResultBool},
		Since:  "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:   "aio_is_closed",
		Result: Result{Kind: ResultBool},
		Since:  "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "aio_command_completed",
		Args:    []Arg{{Name: "cookie", Kind: KindUint64}},
		Result:  Result{Kind: ResultBool},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "aio_peek_command_completed",
		Result:  Result{Kind: ResultInt64},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "aio_in_flight",
		Result:  Result{Kind: ResultInt},
		States:  Connected | Closed | Dead,
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
	{
		Name:    "connection_state",
		Result:  Result{Kind: ResultStatic},
		MayFail: true,
		Since:   "1.0", Symbol: "LIBNBD_1.0",
	},
}
