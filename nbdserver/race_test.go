//go:build race

package nbdserver

const raceEnabled = true
