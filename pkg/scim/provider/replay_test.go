package provider_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/provider"
)

// replays is where the conformance suite keeps what each provider sends, with
// what it leaves in the sync log.
const replays = "../../../test/conformance/testdata/providers"

var tolerated = regexp.MustCompile(`(?m)^\? tolerated ([a-z_]+)`)

// TestReplays: a provider is known for whatever it does in its replay.
func TestReplays(t *testing.T) {
	t.Parallel()
	for file, id := range map[string]provider.ID{
		"okta-oin": provider.Okta, "okta-aiw": provider.Okta, "entra": provider.Entra, "entra-flag": provider.EntraFlag, "google": provider.Google,
		"onelogin": provider.OneLogin, "jumpcloud": provider.JumpCloud, "pingone": provider.PingOne, "authentik": provider.Generic,
	} {
		text, err := os.ReadFile(filepath.Join(replays, file+".scim"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range tolerated.FindAllSubmatch(text, -1) {
			if c := lenience.Cause(m[1]); !provider.Named(id).Expects(c) {
				t.Errorf("%s does %s in its replay, and its profile does not expect it", file, c)
			}
		}
	}
}
