// Package webhook is what a webhook is, as functions on values: the signature
// of Standard Webhooks 1.0, the ladder of attempts, and the patterns by which
// an endpoint chooses event types.
//
//	secret, _ := webhook.ParseSecret("whsec_…")
//	header := webhook.Sign("evt_1", now, body, secret)
//	err := webhook.Verify("evt_1", timestamp, header, body, now, secret)
//
// The package is pure: times and random bytes are handed in. What must not
// live here: HTTP (webhook/egress), the state of deliveries (pkg/attempts).
package webhook
