// Package asyncapi holds the AsyncAPI document of the public events to its
// promises: it is valid, its forms are those of the golden files, and it breaks
// nobody who uses that of the last release.
//
// testdata/asyncapi-3.0.0.json is the official schema of such documents, from
// the npm package @asyncapi/specs 6.11.1 (Apache-2.0), unchanged.
//
// What must not live here: the document (events/asyncapi), and that it is served
// (services/projector/api).
package asyncapi
