package provider_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/provider"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]provider.ID{
		"": provider.Generic, "OKTA": provider.Okta, "GOOGLE": provider.Google, "MICROSOFT_AD": provider.Entra, "AUTH0": provider.Generic,
		"ONELOGIN": provider.OneLogin, "JUMPCLOUD": provider.JumpCloud, "PING_IDENTITY": provider.PingOne, "nobody": provider.Generic,
	} {
		if got := provider.Of(name); got.ID != want {
			t.Errorf("%q is %s, want %s", name, got.ID, want)
		}
	}
	for _, p := range provider.All() {
		if provider.Named(p.ID) != p {
			t.Errorf("%s is not found by its id", p.ID)
		}
	}
	if provider.Named("nobody").ID != provider.Generic {
		t.Error("an unknown id is not generic")
	}
}

// TestAll holds every profile to what those who read it rely on.
func TestAll(t *testing.T) {
	t.Parallel()
	causes := lenience.Causes()
	ids := map[provider.ID]bool{}
	for _, p := range provider.All() {
		if ids[p.ID] || p.Name == "" || p.Evidence == "" || p.Summary == "" {
			t.Errorf("%s is there twice or lacks something", p.ID)
		}
		ids[p.ID] = true
		setup := strings.Join(p.Setup, "\n")
		if !strings.Contains(setup, "{url}") || p.ID != provider.EntraFlag && !strings.Contains(setup, "{secret}") {
			t.Errorf("the set-up of %s does not say where URL and secret go", p.ID)
		}
		if len(p.Mappings) == 0 || len(p.Matching) == 0 || len(p.Limits) == 0 || p.Test == "" || p.Users == "" || p.Groups == "" || p.Members == "" || p.Leavers == "" || p.Retries == "" {
			t.Errorf("%s leaves questions open", p.ID)
		}
		if !slices.ContainsFunc(p.Mappings, func(m provider.Mapping) bool { return m.To == "userName" }) {
			t.Errorf("%s sends no userName", p.ID)
		}
		seen := map[lenience.Cause]bool{}
		for _, d := range p.Deviations {
			if !slices.Contains(causes, d.Cause) || seen[d.Cause] || d.When == "" {
				t.Errorf("%s: the deviation %q is unknown, there twice, or not explained", p.ID, d.Cause)
			}
			seen[d.Cause] = true
			if !p.Expects(d.Cause) {
				t.Errorf("%s does not expect %s", p.ID, d.Cause)
			}
		}
		if p.Expects("made_up") {
			t.Errorf("%s expects everything", p.ID)
		}
		a := p.Answers
		if a.PageSize < 1 || a.PageSize > 1000 || a.UserPatch == "" || a.GroupPatch == "" {
			t.Errorf("%s is answered %+v", p.ID, a)
		}
	}
	if len(ids) != 8 {
		t.Errorf("%d profiles", len(ids))
	}
	// They share a directory_provider, so they have to share what depends on it.
	if a, b := provider.Named(provider.Entra), provider.Named(provider.EntraFlag); a.Answers != b.Answers || a.Rate != b.Rate {
		t.Error("the two forms of Entra are answered differently")
	}
}

func TestDetect(t *testing.T) {
	t.Parallel()
	ops := func(s string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + s + `]}`
	}
	for name, c := range map[string]struct {
		provider, method, query, body string
		want                          provider.ID
	}{
		"another provider":          {"OKTA", "PATCH", "aadOptscim062020", ops(`{"op":"replace","value":{"active":false}}`), provider.Okta},
		"no provider":               {"", "PATCH", "aadOptscim062020", "", provider.Generic},
		"by the URL":                {"MICROSOFT_AD", "GET", "filter=userName+eq+1&aadOptscim062020", "", provider.EntraFlag},
		"by the URL, in other case": {"MICROSOFT_AD", "POST", "AADOPTSCIM062020=", "{}", provider.EntraFlag},
		"a create":                  {"MICROSOFT_AD", "POST", "", `{"active":true}`, provider.Entra},
		"no body":                   {"MICROSOFT_AD", "PATCH", "", "", provider.Entra},
		"no JSON":                   {"MICROSOFT_AD", "PATCH", "", "{", provider.Entra},
		"other types":               {"MICROSOFT_AD", "PATCH", "", `{"Operations":{"op":1}}`, provider.Entra},
		"deactivate":                {"MICROSOFT_AD", "PATCH", "", ops(`{"op":"Replace","path":"active","value":"False"}`), provider.Entra},
		"deactivate, flag":          {"MICROSOFT_AD", "PATCH", "", ops(`{"op":"replace","path":"active","value":false}`), provider.EntraFlag},
		"add a member":              {"MICROSOFT_AD", "PATCH", "", ops(`{"op":"Add","path":"members","value":[{"$ref":null,"value":"1"}]}`), provider.Entra},
		"add members, flag":         {"MICROSOFT_AD", "PATCH", "", ops(`{"op":"add","path":"members","value":[{"value":"1"},{"value":"2"}]}`), provider.Entra},
		"remove a member":           {"MICROSOFT_AD", "PATCH", "", ops(`{"op":"Remove","path":"members","value":[{"value":"1"}]}`), provider.Entra},
		"remove a member, flag":     {"MICROSOFT_AD", "PATCH", "", ops(`{"op":"remove","path":"members[value eq \"1\"]"}`), provider.EntraFlag},
		"names that are paths":      {"MICROSOFT_AD", "PATCH", "", ops(`{"op":"replace","value":{"name.givenName":"Mara"}}`), provider.EntraFlag},
		"one attribute":             {"MICROSOFT_AD", "PATCH", "", ops(`{"op":"Replace","path":"title","value":"x"}`), provider.Entra},
		"both":                      {"MICROSOFT_AD", "PATCH", "", ops(`{"op":"replace","value":{"title":"x"}},{"op":"Replace","path":"active","value":"True"}`), provider.Entra},
		"lower case names":          {"MICROSOFT_AD", "PATCH", "", `{"operations":[{"OP":"replace","Path":"active","VALUE": false }]}`, provider.EntraFlag},
	} {
		got := provider.Detect(c.provider, provider.Facts{Method: c.method, Query: c.query, Body: []byte(c.body)})
		if got.ID != c.want {
			t.Errorf("%s: %s, want %s", name, got.ID, c.want)
		}
	}
}
