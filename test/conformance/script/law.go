package script

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// laws returns what every answer must obey and this one does not: media type,
// JSON, the Error message, the ListResponse message, what each resource holds,
// and that absent values and passwords are not shown.
func laws(method, path string, a Answer) []error {
	var l lawyer
	switch a.Status {
	case http.StatusNoContent, http.StatusNotModified:
		l.must(len(a.Body) == 0, "RFC9110/15.3.5: an answer %d has a body: %.200s", a.Status, a.Body)
		return l.found
	case http.StatusUnauthorized:
		l.must(a.Header.Get("WWW-Authenticate") != "", "RFC7644/2: 401 without WWW-Authenticate")
	case http.StatusMethodNotAllowed:
		l.must(a.Header.Get("Allow") != "", "RFC9110/15.5.6: 405 without Allow")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		l.must(a.Header.Get("Retry-After") != "", "%d without Retry-After", a.Status)
	}
	if method == http.MethodHead {
		return l.found
	}
	l.must(len(a.Body) > 0, "an answer %d has no body", a.Status)
	l.must(strings.HasPrefix(a.Header.Get("Content-Type"), "application/scim+json"), "RFC7644/3.1: the Content-Type is %q", a.Header.Get("Content-Type"))
	var body map[string]any
	if err := json.Unmarshal(a.Body, &body); err != nil {
		l.must(false, "RFC7644/3.1: the body is no JSON object: %v: %.500s", err, a.Body)
		return l.found
	}
	schemas, _ := body["schemas"].([]any)
	switch {
	case a.Status >= http.StatusBadRequest:
		l.failure(a.Status, schemas, body)
		return l.found
	case slices.Contains(schemas, any(URNs["ListResponse"])):
		l.list(path, body)
	case slices.Contains(schemas, any(URNs["BulkResponse"])):
		l.bulk(body)
	default:
		l.resource(path, body)
	}
	if etag, version := a.Header.Get("ETag"), text(body, "meta", "version"); version != "" {
		l.must(etag == version, "RFC7644/3.14: the ETag is %q, meta.version %q", etag, version)
	}
	if a.Status == http.StatusCreated {
		l.must(a.Header.Get("Location") != "", "RFC7644/3.3: 201 without Location")
		if at := text(body, "meta", "location"); at != "" {
			l.must(at == a.Header.Get("Location"), "RFC7643/3.1: Location is %q, meta.location %q", a.Header.Get("Location"), at)
		}
	}
	return l.found
}

type lawyer struct{ found []error }

func (l *lawyer) must(ok bool, format string, args ...any) {
	if !ok {
		l.found = append(l.found, fmt.Errorf(format, args...))
	}
}

// failure is RFC 7644 section 3.12.
func (l *lawyer) failure(status int, schemas []any, body map[string]any) {
	l.must(status != http.StatusInternalServerError, "no request gets a 500")
	l.must(len(schemas) == 1 && schemas[0] == URNs["Error"], "RFC7644/3.12: the error's schemas are %v", schemas)
	l.must(body["status"] == strconv.Itoa(status), "RFC7644/3.12: the error's status is %#v, the answer's %d", body["status"], status)
	l.must(text(body, "detail") != "", "RFC7644/3.12: an error without detail")
	for name := range body {
		l.must(slices.Contains([]string{"schemas", "status", "scimType", "detail"}, name), "RFC7644/3.12: an error has no %q", name)
	}
}

// list is RFC 7644 section 3.4.2.
func (l *lawyer) list(path string, body map[string]any) {
	total, isNumber := body["totalResults"].(float64)
	l.must(isNumber && total >= 0, "RFC7644/3.4.2: totalResults is %v", body["totalResults"])
	resources, isList := body["Resources"].([]any)
	l.must(isList, "RFC7644/3.4.2: Resources is %v", body["Resources"])
	if n, says := body["itemsPerPage"]; says {
		l.must(n == float64(len(resources)), "RFC7644/3.4.2.4: itemsPerPage is %v on a page of %d", n, len(resources))
	}
	l.must(float64(len(resources)) <= total, "RFC7644/3.4.2: %d resources of %v", len(resources), total)
	seen := map[string]bool{}
	for _, r := range resources {
		m, _ := r.(map[string]any)
		l.resource(path, m)
		id := text(m, "id")
		l.must(id == "" || !seen[id], "RFC7644/3.4.2: %s is on the page twice", id)
		seen[id] = true
	}
}

// bulk is RFC 7644 section 3.7.
func (l *lawyer) bulk(body map[string]any) {
	ops, isList := body["Operations"].([]any)
	l.must(isList, "RFC7644/3.7.3: Operations is %v", body["Operations"])
	for _, o := range ops {
		m, _ := o.(map[string]any)
		l.must(text(m, "method") != "" && len(text(m, "status")) == 3, "RFC7644/3.7.3: method and status are texts in every answer: %v", m)
		failed := text(m, "status") >= "400"
		// A POST that failed made nothing, and what is no method of bulk names nothing.
		named := slices.Contains([]string{http.MethodPut, http.MethodPatch, http.MethodDelete}, text(m, "method"))
		l.must(text(m, "location") != "" || failed && !named, "RFC7644/3.7.3: no location: %v", m)
		if response, says := m["response"]; says || failed {
			e, _ := response.(map[string]any)
			schemas, _ := e["schemas"].([]any)
			if failed {
				l.must(slices.Contains(schemas, any(URNs["Error"])) && e["status"] == m["status"], "RFC7644/3.7.3: a refusal's response is %v", response)
			}
		}
	}
}

// resource is RFC 7643 sections 2.5, 3 and 3.1.
func (l *lawyer) resource(path string, body map[string]any) {
	l.shown("", body)
	schemas, _ := body["schemas"].([]any)
	l.must(len(schemas) > 0, "RFC7643/3: a resource without schemas")
	var last string
	for i, s := range schemas {
		urn, _ := s.(string)
		l.must(strings.HasPrefix(urn, "urn:") && !slices.Contains(schemas[:i], s), "RFC7643/3: the schemas are %v", schemas)
		last = urn
	}
	for name := range body {
		if strings.HasPrefix(name, "urn:") {
			l.must(slices.Contains(schemas, any(name)), "RFC7643/3: %s is not among the schemas %v", name, schemas)
		}
	}
	if strings.Contains(strings.ToLower(path), "attributes=") || strings.Contains(path, ".search") || !strings.Contains(strings.Join(texts(schemas), " "), ":core:2.0:") || last == "" {
		return
	}
	meta, _ := body["meta"].(map[string]any)
	l.must(text(meta, "resourceType") != "", "RFC7643/3.1: no meta.resourceType: %v", meta)
	l.must(text(meta, "location") != "", "RFC7643/3.1: no meta.location: %v", meta)
	if kind := text(meta, "resourceType"); kind == "User" || kind == "Group" {
		created, err1 := time.Parse(time.RFC3339Nano, text(meta, "created"))
		modified, err2 := time.Parse(time.RFC3339Nano, text(meta, "lastModified"))
		l.must(err1 == nil && err2 == nil && !modified.Before(created), "RFC7643/3.1: created %v, lastModified %v", meta["created"], meta["lastModified"])
		id := text(body, "id")
		l.must(id != "" && strings.HasSuffix(text(meta, "location"), "/"+kind+"s/"+id), "RFC7643/3.1: %q is at %q", id, text(meta, "location"))
	}
}

// shown finds values that may not be shown.
func (l *lawyer) shown(at string, v any) {
	switch x := v.(type) {
	case nil:
		l.must(false, "RFC7643/2.5: %s is null", at)
	case []any:
		l.must(len(x) > 0, "RFC7643/2.5: %s is an empty list", at)
		for _, e := range x {
			l.shown(at, e)
		}
	case map[string]any:
		for k, e := range x {
			l.must(!strings.EqualFold(k, "password"), "RFC7643/4.1.1: a password is shown")
			l.shown(at+"/"+k, e)
		}
	}
}

// text returns the text at a path of member names.
func text(m map[string]any, path ...string) string {
	v, _ := lookup(m, path)
	s, _ := v.(string)
	return s
}

func texts(list []any) []string {
	var out []string
	for _, v := range list {
		s, _ := v.(string)
		out = append(out, s)
	}
	return out
}
