package main

import "runtime/debug"

// What the garbage collector may let gather, beside what is estimated to live: with few phones a few times
// as much as that, which spares a tenth of the processor under load; with thousands half of it, which
// spares memory.
const (
	garbageRoom     = 12 << 20
	liveAlways      = 4 << 20
	liveOfEachPhone = 2200
)

// setGarbage tells the collector, unless somebody has told it by GOGC.
func setGarbage(phones int) {
	const untold = 100
	if before := debug.SetGCPercent(garbagePercent(phones)); before != untold {
		debug.SetGCPercent(before)
	}
}

// garbagePercent is a GOGC, 50 to 300.
func garbagePercent(phones int) int {
	return min(max(100*garbageRoom/(liveAlways+liveOfEachPhone*phones), 50), 300)
}
