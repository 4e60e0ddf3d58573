package manual

// all are the pages, in no order.
var all = []*Page{
	nbddump,
	nbdinfo,
}
