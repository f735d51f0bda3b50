// Package bench measures Rollcall against simpler programs that do less, in the
// same run: a ratio says how much of the possible speed is left, which an
// absolute figure of another machine and another day does not.
//
//	make bench
//
// Each benchmark reports its rate and its ratios as metrics. Rounds of the
// contenders alternate, because neighbours on the machine disturb each other.
package bench
