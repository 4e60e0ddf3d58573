package api

var docsA = map[string]Doc{}
