// Package requestlog is the stream REQUESTS on NATS JetStream: written behind
// the back of the requests that it is about, read from anywhere.
//
//	r := requestlog.Start(ctx, js, requestlog.Options{Logger: log})
//	r.Record(entry) // never waits and never fails
//	defer r.Stop()
//
// What one process may write is bounded by five appends a second, because the
// embedded server syncs each to disk and the log of all writes is on the same
// disk. An append is an atomic batch of what up to 200 directories have to tell.
// Whatever comes faster waits in memory, where it is counted together, up to a
// bound, and is dropped and counted beyond.
//
// What must not live here: what is kept of a request (pkg/synclog), how it is
// searched (synclog/history), how the stream is bounded (pkg/natslog).
package requestlog
