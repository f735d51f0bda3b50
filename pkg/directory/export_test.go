package directory

import "github.com/rollcallhq/rollcall/events"

// EvolveRemembering is Evolve with another bound than MaxFormer.
func EvolveRemembering(v View, e events.Event, most uint64) ([]Change, error) {
	return evolve(v, e, most)
}
