// Package demo plays identity providers against a running server and checks
// that its webhooks tell exactly what happened.
//
// A plan is made first: changes as an Okta-like and an Entra-like provider
// would make them, each with the public events that it must cause, as a small
// model of its own predicts them. Then the changes are sent over SCIM, and a
// receiver verifies every webhook and checks it off.
//
//	plan -> schedule -> provider -> SCIM server -> webhook -> receiver -> ledger -> Report
//
// The model is deliberately not the server's: it would repeat its mistakes.
// What must not live here: the server's own code beyond the public vocabulary
// (events/public) and signature check (pkg/webhook), flags and progress bars
// (services/cmd/rollcall).
package demo
