// Package attempts is the history of webhook deliveries: the format of the
// stream ATTEMPTS, and what its records fold to.
//
// Every endpoint belongs to one of 64 slots for ever. A slot is one subject,
// one writer at a time, and a run of frames: records of what was attempted, and
// now and then a checkpoint, which is all of the slot's folded state, so that
// reading can begin there and what lies before can be trimmed.
//
//	endpoint  a cursor over EVENTS: everything up to Position is settled or has
//	          a row; plus how its receiver fares (failures in a row, circuit)
//	delivery  one event on its way to one endpoint, from its first failure (or
//	          its first wait) until it is delivered or a dead letter
//
// Fold is the one reducer. It works on Rows: State keeps them in memory for the
// worker, attempts/ledger in a file for whoever lists deliveries.
//
// The package is pure. What must not live here: NATS (attempts/attemptlog),
// bbolt (attempts/ledger), HTTP and timers (services/delivery).
package attempts

import "strconv"

// Stream is the JetStream stream that holds the frames.
const Stream = "ATTEMPTS"

// Slots is how many slots there are. It is part of the format: an endpoint's
// slot must never change.
const Slots = 64

// SlotOf returns the endpoint's slot: FNV-1a of its id, 64 bits, modulo Slots.
func SlotOf(endpoint string) int {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(endpoint) {
		h = (h ^ uint64(endpoint[i])) * prime
	}
	return int(h % Slots)
}

// Subject is where a slot's frames are.
func Subject(slot int) string { return "attempts." + strconv.Itoa(slot) }
