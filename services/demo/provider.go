package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

const (
	urnUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	urnGroup      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	urnEnterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	urnPatch      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// object is JSON being written.
type object = map[string]any

// provider sends changes in the manner of one product.
type provider interface {
	// greet tests the connection as the product does when it is set up.
	greet(ctx context.Context) error
	// play makes one change. It returns the id of what it created, and when the
	// request that changes something was sent.
	play(ctx context.Context, c change) (id string, sent time.Time, err error)
}

// session is what all providers share.
type session struct {
	*client
	domain string
	// id returns the server's id of something whose creation was answered.
	id func(ref) string
}

type listed struct {
	Total     int `json:"totalResults"`
	Resources []struct {
		ID string `json:"id"`
	} `json:"Resources"`
}

// create looks whether something is there already, as every provider does, and
// then makes it. Where the server puts that off it looks again, because 503 is
// also said when nobody knows yet whether the first attempt took effect.
func (s *session) create(ctx context.Context, path, filter, more string, body object) (string, time.Time, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("encode the body of POST %s: %w", path, err)
	}
	var sent time.Time
	for try := 1; ; try++ {
		var found listed
		if _, err := s.send(ctx, http.MethodGet, path+"?filter="+url.QueryEscape(filter)+more, nil, &found); err != nil {
			return "", time.Time{}, err
		}
		if try > 1 && found.Total == 1 && len(found.Resources) == 1 {
			return found.Resources[0].ID, sent, nil
		}
		if found.Total != 0 {
			return "", time.Time{}, fmt.Errorf("%s with %s found %d before the first was made", path, filter, found.Total)
		}
		sent = time.Now()
		answer, pause, err := s.once(ctx, http.MethodPost, path, raw)
		if pause > 0 && try < maxTries {
			s.counts.putOff.Add(1)
			if err := wait(ctx, pause); err != nil {
				return "", sent, err
			}
			continue
		}
		if err != nil {
			return "", sent, err
		}
		var made struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(answer, &made); err != nil || made.ID == "" {
			return "", sent, fmt.Errorf("POST %s was answered without an id", path)
		}
		return made.ID, sent, nil
	}
}

// patch sends PATCH operations (RFC 7644 section 3.5.2).
func (s *session) patch(ctx context.Context, path string, ops ...object) (string, time.Time, error) {
	sent, err := s.send(ctx, http.MethodPatch, path, object{"schemas": []string{urnPatch}, "Operations": ops}, nil)
	return "", sent, err
}

// remove deletes. What an earlier attempt removed is gone all the same.
func (s *session) remove(ctx context.Context, path string) (string, time.Time, error) {
	sent, err := s.send(ctx, http.MethodDelete, path, nil, nil)
	var f *failure
	if errors.As(err, &f) && f.status == http.StatusNotFound && f.tries > 1 {
		err = nil
	}
	return "", sent, err
}

func (s *session) user(r ref) string  { return "/Users/" + url.PathEscape(s.id(r)) }
func (s *session) group(r ref) string { return "/Groups/" + url.PathEscape(s.id(r)) }

func (s *session) address(p person) string { return p.login + "@" + s.domain }

// mail is the address that stays with a user whatever the login becomes: the
// directory's default policy does not let it change.
func (s *session) mail(r ref) string { return fmt.Sprintf("person.%d@%s", r, s.domain) }

func unknown(c change) error { return fmt.Errorf("this provider does not %s", c.kind) }
