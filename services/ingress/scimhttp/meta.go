package scimhttp

import (
	"time"

	"github.com/rollcallhq/rollcall/pkg/scim"
)

// metaOf returns the meta of a resource as a filter sees it.
func metaOf(kind string, revision uint64, created, updated time.Time) map[string]any {
	return map[string]any{
		"resourceType": kind, "version": scim.ETag(revision),
		"created": created.Format(time.RFC3339Nano), "lastModified": updated.Format(time.RFC3339Nano),
	}
}
