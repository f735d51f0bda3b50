// Package search answers queries of SCIM clients from folded rows: filter, sort,
// and pages by index or by cursor (RFC 7644 section 3.4.2, RFC 9865).
//
//	Parse(reading, parameters, kinds...)   what a client asks for, checked and bound to its kinds
//	Query.Run(view, ...)                   plans, finds, orders, counts, and hands over one page
//
// A query is planned on the indexes of the state. Every conjunct that an index
// knows is a candidate; the one with the fewest rows is taken, and each of its
// rows is held against the whole filter. Where the index alone decides, rows that
// are not on the page are counted and never read. What no index knows is a scan
// that streams: memory is bounded by the page, or by MaxSorted where an order has
// to be found that no index has.
//
// Rows are in the order of their ids, oldest first, unless the client asks for
// another. Positions are counted in chunks (directory.Seek), so a page deep in a
// directory of a million users costs about what the first one does.
//
// What must not live here: HTTP and the form of answers (services/ingress),
// syntax and meaning of filters (pkg/scim/filter), what rows are (pkg/directory).
package search
