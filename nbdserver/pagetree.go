package nbdserver

import "math/bits"

const (
	pageBits = 15
	pageSize = 1 << pageBits
	treeBits = 8
	treeFan  = 1 << treeBits
)

// page is a piece of a disk in memory.
type page [pageSize]byte

// zeroPage stands for all pages that are allocated but not yet written. It is
// never written.
var zeroPage page

// pageTree is a radix tree of pages by number, as high as its disk is large.
// It does no locking.
type pageTree struct {
	root   *treeNode
	height int   // 0: the root has the pages
	pages  int64 // in the tree
}

// treeNode has 256 pages, or 256 nodes with the pages of as many subtrees.
type treeNode struct {
	nodes *[treeFan]*treeNode
	pages *[treeFan]*page
	used  int // entries that are not nil
}

// newPageTree makes a tree for n pages.
func newPageTree(n int64) *pageTree {
	width := bits.Len64(uint64(max(n, 1) - 1))
	return &pageTree{height: (max(width, 1) - 1) / treeBits}
}

// shift is how far to shift a page number for its index in a node at height.
func shift(height int) uint { return uint(height * treeBits) }

// get gives page i, or nil.
func (t *pageTree) get(i int64) *page {
	n := t.root
	for h := t.height; h > 0 && n != nil; h-- {
		n = n.nodes[i>>shift(h)&(treeFan-1)]
	}
	if n == nil {
		return nil
	}
	return n.pages[i&(treeFan-1)]
}

// set sets page i, which was nil or may be replaced.
func (t *pageTree) set(i int64, p *page) {
	at := &t.root
	for h := t.height; ; h-- {
		if *at == nil {
			*at = newTreeNode(h)
		}
		n := *at
		if h == 0 {
			if n.pages[i&(treeFan-1)] == nil {
				n.used++
				t.pages++
			}
			n.pages[i&(treeFan-1)] = p
			return
		}
		child := &n.nodes[i>>shift(h)&(treeFan-1)]
		if *child == nil {
			n.used++
			*child = newTreeNode(h - 1)
		}
		at = child
	}
}

func newTreeNode(height int) *treeNode {
	if height == 0 {
		return &treeNode{pages: new([treeFan]*page)}
	}
	return &treeNode{nodes: new([treeFan]*treeNode)}
}

// remove removes the pages from number from up to but not including to.
func (t *pageTree) remove(from, to int64) {
	if t.root != nil && from < to && t.removeIn(t.root, t.height, 0, from, to) {
		t.root = nil
	}
}

// removeIn reports whether n, whose first page is base, is empty afterwards.
func (t *pageTree) removeIn(n *treeNode, height int, base, from, to int64) bool {
	span := int64(1) << shift(height)
	first := max(from-base, 0) / span
	last := min((to-base-1)/span, treeFan-1)
	for i := first; i <= last && n.used > 0; i++ {
		if height == 0 {
			if n.pages[i] != nil {
				n.pages[i] = nil
				n.used--
				t.pages--
			}
		} else if n.nodes[i] != nil && t.removeIn(n.nodes[i], height-1, base+i*span, from, to) {
			n.nodes[i] = nil
			n.used--
		}
	}
	return n.used == 0
}

// next gives the number of the first page from i on, or -1.
func (t *pageTree) next(i int64) int64 {
	if t.root == nil {
		return -1
	}
	return nextIn(t.root, t.height, 0, i)
}

func nextIn(n *treeNode, height int, base, from int64) int64 {
	span := int64(1) << shift(height)
	for i := max(from-base, 0) / span; i < treeFan; i++ {
		if height == 0 {
			if n.pages[i] != nil {
				return base + i
			}
		} else if n.nodes[i] != nil {
			if found := nextIn(n.nodes[i], height-1, base+i*span, from); found >= 0 {
				return found
			}
		}
	}
	return -1
}
