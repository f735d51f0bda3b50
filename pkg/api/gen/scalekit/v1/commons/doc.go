// Package commons is what the scalekit.v1 services share: generated messages of
// proto/scalekit/v1/commons. Nothing but this comment is written by hand.
package commons
