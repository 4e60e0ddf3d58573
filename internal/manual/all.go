package manual

// all are the pages, in no order.
var all = []*Page{
	nbdattach,
	nbdcopy,
	nbddiscard,
	nbddump,
	nbdfuse,
	nbdinfo,
	nbdserve,
	nbdsh,
	nbdublk,
	nbdzero,
}
