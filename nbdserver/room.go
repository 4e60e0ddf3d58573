package nbdserver

import "sync"

// room counts the requests in flight of a connection, and the memory that
// they take up, from their headers until their replies are written.
type room struct {
	mu       sync.Mutex
	freed    sync.Cond
	requests int   // left
	memory   int64 // left; below 0 while one large request has it all
	total    int64
	closed   bool
}

func (m *room) init(requests int, memory int64) {
	m.freed.L = &m.mu
	m.requests, m.memory, m.total = requests, memory, memory
}

// try takes room for a request that needs cost bytes, if there is.
func (m *room) try(cost int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.take(cost)
}

// acquire is try that waits. It reports false if the connection has ended.
func (m *room) acquire(cost int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for !m.closed {
		if m.take(cost) {
			return true
		}
		m.freed.Wait()
	}
	return false
}

func (m *room) take(cost int64) bool {
	if m.closed || m.requests == 0 || cost > max(m.memory, 0) && m.memory < m.total {
		return false
	}
	m.requests--
	m.memory -= cost
	return true
}

func (m *room) release(cost int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests++
	m.memory += cost
	m.freed.Broadcast()
}

func (m *room) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.freed.Broadcast()
}
