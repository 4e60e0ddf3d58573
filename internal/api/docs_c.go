package api

var docsC = map[string]Doc{}
