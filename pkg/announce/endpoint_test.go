package announce_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
)

// TestEndpoint says that the server tells of a receiver only what it found out by
// itself, each once.
func TestEndpoint(t *testing.T) {
	t.Parallel()
	s := newStage(t, directory.DeactivationDeletes)
	id := directorytest.ID(s.Must(t, directory.CreateWebhookEndpoint{
		Config:             events.WebhookEndpointConfig{URL: "https://acme.example/?token=1", Description: "ours", EventTypes: []string{"*"}, Enabled: true},
		WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: []byte{1}},
	}))
	since := directorytest.Start.Add(time.Hour)
	warn := directory.WarnWebhookEndpoint{ID: id, Revision: 1, WebhookEndpointFailing: events.WebhookEndpointFailing{Since: since, DisableAt: since.Add(time.Hour), Level: 1}}
	off, on := false, true
	var got []any
	for _, c := range []directory.Command{
		warn, warn, // said before
		directory.DisableWebhookEndpoint{ID: id, Revision: 1, Reason: directory.BecauseFailing}, // changed meanwhile
		directory.DisableWebhookEndpoint{ID: id, Revision: 2, Reason: directory.BecauseFailing},
		directory.DisableWebhookEndpoint{ID: id, Revision: 3, Reason: directory.BecauseFailing}, // disabled already
		directory.UpdateWebhookEndpoint{ID: id, Enabled: &on},
		directory.UpdateWebhookEndpoint{ID: id, Enabled: &off},
		directory.DeleteWebhookEndpoint{ID: id},
	} {
		s.Must(t, c)
		for _, a := range s.fold(t, s.World) {
			got = append(got, a.Type, data(t, a))
		}
	}
	until := since.Add(time.Hour)
	if diff := cmp.Diff([]any{
		public.EndpointFailing,
		public.Endpoint{ID: id, Version: 1, Description: "ours", FailingSince: &since, DisableAt: &until},
		public.EndpointDisabled,
		public.Endpoint{ID: id, Version: 2, Description: "ours", Reason: directory.BecauseFailing},
	}, got); diff != "" {
		t.Errorf("told is (-want +got):\n%s", diff)
	}
}
