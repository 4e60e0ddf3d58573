package api

import "maps"

// docs has the documentation of each call, by its name. It is apart from the
// table because it is prose.
var docs = func() map[string]Doc {
	all := make(map[string]Doc)
	for _, m := range []map[string]Doc{docsA, docsB, docsC} {
		maps.Copy(all, m)
	}
	return all
}()
