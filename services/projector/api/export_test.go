package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// StatusOf returns the status that REST answers a message with.
func StatusOf(message protoreflect.FullName) string {
	t, err := protoregistry.GlobalTypes.FindMessageByName(message)
	if err != nil {
		return err.Error()
	}
	w := httptest.NewRecorder()
	if err := created(context.Background(), w, t.New().Interface()); err != nil {
		return err.Error()
	}
	return strconv.Itoa(w.Code)
}

// RuleOf shows a method's rule.
func RuleOf(procedure string) (scope, organization string, once, ok bool) {
	r, ok := ruleOf(procedure)
	return r.scope, r.organization, r.once, ok
}

// RuleNames lists the methods that have one.
func RuleNames() map[string]bool {
	names := map[string]bool{}
	for service, methods := range rules {
		for method := range methods {
			names["/"+service+"/"+method] = true
		}
	}
	return names
}

// HastenTails changes how often readers of the live tail hear something, and how
// many frames they may lag behind.
func HastenTails(h http.Handler, beat time.Duration, behind uint64) {
	t := h.(*router).core.tails
	t.beat, t.behind = beat, behind
}
