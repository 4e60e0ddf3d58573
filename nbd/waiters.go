package nbd

// list is a doubly linked list of requests, oldest first. A request can be in
// one list only.
type list struct{ head, tail *request }

func (l *list) push(r *request) {
	r.prev, r.next, r.listed = l.tail, nil, true
	if l.tail == nil {
		l.head = r
	} else {
		l.tail.next = r
	}
	l.tail = r
}

func (l *list) remove(r *request) {
	if !r.listed {
		return
	}
	if r.prev == nil {
		l.head = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		l.tail = r.prev
	} else {
		r.next.prev = r.prev
	}
	r.prev, r.next, r.listed = nil, nil, false
}
