package api

var docsB = map[string]Doc{}
