package scim

import (
	"encoding/json"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// Service is what discovery tells of one directory (RFC 7644 section 4).
type Service struct {
	// Base is the directory's SCIM base URL.
	Base string
	// Kinds are its resources, with the extensions that it has registered.
	Kinds []*schema.Resource
	// Created and Updated are the directory's: its settings are what distinguishes
	// one directory's documents from another's.
	Created, Updated time.Time
	Limits           Limits
}

// Limits are the bounds that clients are told.
type Limits struct {
	// Page is how many resources a page has by default, MaxPage at most.
	Page, MaxPage int
	// Cursor is how long a cursor may be used.
	Cursor time.Duration
	// Operations and Body bound a Bulk; Body, in bytes, any other request too.
	Operations, Body int
}

// Document is one answer of discovery.
type Document struct {
	ID, Location, Version string
	JSON                  []byte
}

type supported struct {
	Supported bool `json:"supported"`
}

// Config returns what the server does (RFC 7643 section 5, RFC 9865 section 4).
func (s Service) Config() (Document, error) {
	return s.document("ServiceProviderConfig", schema.ServiceProviderConfigURN, "", map[string]any{
		"patch": supported{true},
		"bulk": struct {
			Supported      bool `json:"supported"`
			MaxOperations  int  `json:"maxOperations"`
			MaxPayloadSize int  `json:"maxPayloadSize"`
		}{true, s.Limits.Operations, s.Limits.Body},
		"filter": struct {
			Supported  bool `json:"supported"`
			MaxResults int  `json:"maxResults"`
		}{true, s.Limits.MaxPage},
		"changePassword": supported{false},
		"sort":           supported{true},
		"etag":           supported{true},
		"pagination": struct {
			Cursor  bool   `json:"cursor"`
			Index   bool   `json:"index"`
			Default string `json:"defaultPaginationMethod"`
			Page    int    `json:"defaultPageSize"`
			MaxPage int    `json:"maxPageSize"`
			Timeout int    `json:"cursorTimeout"`
		}{true, true, "index", s.Limits.Page, s.Limits.MaxPage, int(s.Limits.Cursor.Seconds())},
		"authenticationSchemes": []any{map[string]any{
			"type": "oauthbearertoken", "name": "Bearer token", "primary": true,
			"description": "The directory's secret in the Authorization header, as a bearer token.",
			"specUri":     "https://www.rfc-editor.org/info/rfc6750",
		}},
	})
}

// ResourceTypes returns what the server says of its kinds (RFC 7643 section 6).
func (s Service) ResourceTypes() ([]Document, error) {
	type extension struct {
		Schema   string `json:"schema"`
		Required bool   `json:"required"`
	}
	var all []Document
	for _, k := range s.Kinds {
		var extensions []extension // left out if there are none (RFC 7643 section 2.5)
		for _, e := range k.Extensions {
			extensions = append(extensions, extension{Schema: e.ID})
		}
		members := map[string]any{
			"name": k.Name, "endpoint": "/" + k.Name + "s", "description": k.Core.Description, "schema": k.Core.ID,
		}
		if extensions != nil {
			members["schemaExtensions"] = extensions
		}
		d, err := s.document("ResourceType", schema.ResourceTypeURN, k.Name, members)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// Schemas returns every schema of the kinds (RFC 7643 section 7), each once: an
// extension may be of both.
func (s Service) Schemas() ([]Document, error) {
	var all []*schema.Schema
	for _, k := range s.Kinds {
		for _, e := range append([]*schema.Schema{k.Core}, k.Extensions...) {
			if !slices.ContainsFunc(all, func(have *schema.Schema) bool { return strings.EqualFold(have.ID, e.ID) }) {
				all = append(all, e)
			}
		}
	}
	return s.schemas(all)
}

// OwnSchemas returns the schemas of discovery's documents themselves (RFC 7643
// section 8.7.2). They are found by their URN and not listed: clients make their
// models of resources from the list.
func (s Service) OwnSchemas() ([]Document, error) { return s.schemas(schema.Service) }

func (s Service) schemas(list []*schema.Schema) ([]Document, error) {
	all := make([]Document, 0, len(list))
	for _, e := range list {
		m := map[string]any{"name": e.Name, "attributes": e.Attributes}
		if e.Description != "" {
			m["description"] = e.Description
		}
		d, err := s.document("Schema", schema.SchemaURN, e.ID, m)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// document completes and writes a document. Its version is made of what it says.
func (s Service) document(kind, urn, id string, m map[string]any) (Document, error) {
	d := Document{ID: id, Location: s.Base + "/" + kind}
	if id != "" {
		m["id"] = id
		d.Location += "s/" + id
	}
	m["schemas"] = []string{urn}
	said, err := json.Marshal(m)
	if err != nil {
		return d, err
	}
	h := fnv.New64a()
	_, _ = h.Write(said)
	d.Version = `W/"` + strconv.FormatUint(h.Sum64(), 36) + `"`
	m["meta"] = struct {
		ResourceType string    `json:"resourceType"`
		Created      time.Time `json:"created"`
		LastModified time.Time `json:"lastModified"`
		Location     string    `json:"location"`
		Version      string    `json:"version"`
	}{kind, s.Created.UTC().Truncate(time.Millisecond), s.Updated.UTC().Truncate(time.Millisecond), d.Location, d.Version}
	d.JSON, err = json.Marshal(m)
	return d, err
}

// Documents returns a ListResponse of documents.
func Documents(docs []Document) []byte {
	l := List{Total: len(docs), Start: 1}
	for _, d := range docs {
		l.Add(func(dst []byte) []byte { return append(dst, d.JSON...) })
	}
	return l.Body()
}
