package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const oracleDomain = "acme.example"

// oracle answers SCIM from the real decisions and folds in memory, and keeps
// what they announce. It is an http.RoundTripper for one run on one goroutine.
type oracle struct {
	rows    *directory.Overlay
	next    uint64
	ordinal uint64
	now     time.Time
	scopes  map[string]directory.Scope // by the first part of the path
	bodies  [][]byte
}

func newOracle() (*oracle, error) {
	o := &oracle{rows: directory.NewOverlay(directory.Empty{}), next: 1, now: time.Unix(1_700_000_000, 0).UTC(), scopes: map[string]directory.Scope{}}
	org, err := o.do(directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: "Acme"}})
	if err != nil {
		return nil, err
	}
	if _, err := o.do(directory.CreateDomain{Organization: org, Domain: oracleDomain}); err != nil {
		return nil, err
	}
	for i, name := range []string{"OKTA", "MICROSOFT_AD"} {
		dir, err := o.do(directory.CreateDirectory{Organization: org, Kind: "SCIM", Provider: name})
		if err != nil {
			return nil, err
		}
		hash := make([]byte, 32)
		hash[0] = byte(i)
		if _, err := o.do(directory.CreateDirectorySecret{Organization: org, Directory: dir, Hash: hash, Suffix: "abcd"}); err != nil {
			return nil, err
		}
		if _, err := o.do(directory.EnableDirectory{Organization: org, Directory: dir}); err != nil {
			return nil, err
		}
		if o.scopes[strconv.Itoa(i)], err = directory.Authenticate(o.rows, dir, hash, o.now); err != nil {
			return nil, err
		}
	}
	o.bodies = nil // the set-up
	return o, nil
}

// do decides a command, folds what it caused and returns the resource's id.
func (o *oracle) do(c directory.Command) (string, error) {
	o.now = o.now.Add(time.Second)
	out, err := directory.Decide(o.rows, directory.Request{ID: strconv.FormatUint(o.next, 10), Actor: "system", Command: c},
		directory.Stamp{At: o.now, FirstID: o.next})
	if err != nil {
		return "", err
	}
	for _, e := range out.Events {
		o.next = e.ID + 1
		o.ordinal++
		due, err := announce.Fold(o.rows, e, o.ordinal)
		if err != nil {
			return "", err
		}
		for _, a := range due {
			body, err := a.Body("env_1")
			if err != nil {
				return "", err
			}
			o.bodies = append(o.bodies, body)
		}
	}
	return out.Resource.Last(), nil
}

// RoundTrip answers what the providers send.
func (o *oracle) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	w := httptest.NewRecorder()
	status, answer, err := o.answer(r.Method, r.URL, body)
	if err != nil {
		f := fault.Of(err)
		status, answer = scim.Status(f), scim.Error(scim.Status(f), f.Reason, f.Detail)
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
	return w.Result(), nil
}

func (o *oracle) answer(method string, u *url.URL, body []byte) (int, []byte, error) {
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	scope := o.scopes[parts[0]]
	users := parts[1] == "Users"
	if len(parts) == 2 && method == http.MethodGet {
		n, err := o.count(scope.Directory, u.Query().Get("filter"))
		return http.StatusOK, fmt.Appendf(nil, `{"totalResults":%d}`, n), err
	}
	id := ""
	if len(parts) == 3 {
		id = parts[2]
	}
	if method == http.MethodGet {
		row, ok, err := directory.Get[*directory.User](o.rows, directory.Make(directory.TableUser, scope.Directory, id))
		if err != nil || !ok {
			return http.StatusNotFound, nil, err
		}
		return http.StatusOK, scim.Append(nil, row.Attributes, scim.Head{Kind: schema.User, ID: id, Revision: row.Revision}), nil
	}
	c, err := command(method, users, scope, id, body)
	if err != nil {
		return 0, nil, err
	}
	made, err := o.do(c)
	if err != nil || method != http.MethodPost {
		return http.StatusNoContent, nil, err
	}
	answer, err := json.Marshal(object{"id": made})
	return http.StatusCreated, answer, err
}

func command(method string, users bool, scope directory.Scope, id string, body []byte) (directory.Command, error) {
	switch {
	case method == http.MethodDelete && users:
		return directory.DeleteUser{Scope: scope, ID: id}, nil
	case method == http.MethodDelete:
		return directory.DeleteGroup{Scope: scope, ID: id}, nil
	case method == http.MethodPatch && users:
		p, err := patch.Parse(nil, schema.User, body)
		return directory.PatchUser{Scope: scope, ID: id, Patch: p}, err
	case method == http.MethodPatch:
		p, err := patch.Parse(nil, schema.Group, body)
		return directory.PatchGroup{Scope: scope, ID: id, Patch: p}, err
	case users:
		r, err := scim.ParseUser(nil, schema.User, body)
		if err != nil {
			return nil, err
		}
		s, err := directory.UserStateOf(r)
		if method == http.MethodPut {
			return directory.ReplaceUser{Scope: scope, ID: id, State: s}, err
		}
		return directory.CreateUser{Scope: scope, State: s}, err
	}
	r, members, err := scim.ParseGroup(nil, schema.Group, body)
	if err != nil {
		return nil, err
	}
	s, err := directory.GroupStateOf(r)
	return directory.CreateGroup{Scope: scope, State: s, Members: members}, err
}

// count answers the look-ups before a create.
func (o *oracle) count(dir, filter string) (int, error) {
	attribute, quoted, ok := strings.Cut(filter, " eq ")
	value, err := strconv.Unquote(quoted)
	if !ok || err != nil {
		return 0, fmt.Errorf("a filter that no provider sends: %s", filter)
	}
	if attribute == "userName" {
		row, err := o.rows.Get(directory.Make(directory.TableUserName, dir, scim.Fold(value)))
		if row == nil {
			return 0, err
		}
		return 1, err
	}
	n := 0
	err = o.rows.Scan(directory.Make(directory.TableGroupDisplay, dir, scim.Fold(value)), "", func(directory.Key, directory.Row) bool {
		n++
		return true
	})
	return n, err
}
