package api

// Callbacks are the types of functions that a caller passes.
var Callbacks = []Callback{
	{
		Name: "chunk",
		Args: []string{"const void *subbuf", "size_t count", "uint64_t offset", "unsigned status", "int *error"},
		Doc:  "Is called for each chunk of a reply to a structured read.",
	},
	{
		Name: "completion",
		Args: []string{"int *error"},
		Doc:  "Is called when a command has completed; a result of 1 retires it.",
	},
	{
		Name: "debug",
		Args: []string{"const char *context", "const char *msg"},
		Doc:  "Is called for each debugging message.",
	},
	{
		Name: "extent",
		Args: []string{"const char *metacontext", "uint64_t offset", "uint32_t *entries", "size_t nr_entries", "int *error"},
		Doc:  "Is called with the extents of a metadata context, in 32 bits.",
	},
	{
		Name: "extent64",
		Args: []string{"const char *metacontext", "uint64_t offset", "nbd_extent *entries", "size_t nr_entries", "int *error"},
		Doc:  "Is called with the extents of a metadata context.",
	},
	{
		Name: "list",
		Args: []string{"const char *name", "const char *description"},
		Doc:  "Is called for each export that the server lists.",
	},
	{
		Name: "context",
		Args: []string{"const char *name"},
		Doc:  "Is called for each metadata context that the server lists or selects.",
	},
}
