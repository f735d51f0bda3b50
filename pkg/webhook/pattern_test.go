package webhook_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/webhook"
)

func TestPattern_match(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern  string
		yes, not []string
	}{
		{"organization.created", []string{"organization.created"}, []string{"organization.created2", "xorganization.created", "organization.deleted"}},
		{"*", []string{"organization.created", "role.deleted"}, nil},
		{
			"organization.directory.*",
			[]string{"organization.directory.user_created", "organization.directory.group_deleted"},
			[]string{"organization.created", "organization.directory", "organization.directory_enabled"},
		},
		{"organization.*", []string{"organization.created", "organization.directory.user_created"}, []string{"organization", "role.created"}},
		{"organization.directory.user_*", []string{"organization.directory.user_updated"}, []string{"organization.directory.group_updated"}},
		{"*.created", []string{"organization.created", "role.created"}, []string{"organization.directory.user_created"}},
		{"*created", []string{"organization.directory.user_created"}, []string{"organization.deleted"}},
		{"organization.*.group_*", []string{"organization.directory.group_created"}, []string{"organization.group_created", "organization.directory.user_created"}},
		{"a*a", []string{"aa", "aba"}, []string{"a"}},
		{"*ab*ab*", []string{"abab", "xabyabz"}, []string{"ab", "aab"}},
		{
			"scalekit.dir.user.*",
			[]string{"organization.directory.user_created", "organization.directory.user_updated", "organization.directory.user_deleted"},
			[]string{"organization.directory.group_created", "scalekit.dir.user.create"},
		},
		{"scalekit.dir.group.*", []string{"organization.directory.group_created"}, []string{"organization.directory.user_created"}},
	}
	for _, tt := range tests {
		t.Run(tt.pattern, func(t *testing.T) {
			t.Parallel()
			ps, err := webhook.ParsePatterns([]string{"never.this", tt.pattern})
			if err != nil {
				t.Fatal(err)
			}
			for _, typ := range tt.yes {
				if !ps.Match(typ) {
					t.Errorf("does not choose %s", typ)
				}
			}
			for _, typ := range tt.not {
				if ps.Match(typ) {
					t.Errorf("chooses %s", typ)
				}
			}
			if ps[1].String() != tt.pattern {
				t.Errorf("printed as %q", ps[1])
			}
		})
	}
	if (webhook.Pattern{}).Match("") {
		t.Error("the zero pattern chooses something")
	}
}

func TestParsePattern_refuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "User.*", "a b", "a>b", "organization..created", ".created", "created.", "*.*.*.*.*", "a\n", strings.Repeat("a", 129), "é"} {
		if _, err := webhook.ParsePatterns([]string{text}); err == nil {
			t.Errorf("%q accepted", text)
		}
	}
}

func TestPattern_property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab_*]{1,8}`).Draw(t, "pattern")
		typ := rapid.StringMatching(`[ab_]{0,10}`).Draw(t, "type")
		p, err := webhook.ParsePattern(text)
		if err != nil {
			t.Skip(err.Error())
		}
		want := regexp.MustCompile("^" + strings.ReplaceAll(text, "*", ".*") + "$").MatchString(typ)
		if got := p.Match(typ); got != want {
			t.Fatalf("%q on %q: %v, want %v", text, typ, got, want)
		}
	})
}

func FuzzParsePattern(f *testing.F) {
	f.Add("organization.directory.*", "organization.directory.user_created")
	f.Fuzz(func(t *testing.T, text, typ string) {
		p, err := webhook.ParsePattern(text)
		if err == nil && p.Match(typ) && !strings.Contains(text, "*") && text != typ {
			t.Errorf("%q chooses %q", text, typ)
		}
	})
}
