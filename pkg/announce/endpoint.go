package announce

import (
	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// endpoint tells what the server found out about a receiver by itself: that it
// fails, and that it was disabled for that. What somebody did they know.
func (t *telling) endpoint(before, after *directory.Endpoint) error {
	if after == nil {
		if before != nil {
			t.forget(before.ID)
		}
		return nil
	}
	data := public.Endpoint{ID: after.ID, OrganizationID: after.Organization, Description: after.Description}
	var typ public.Type
	switch t.e.Type {
	case events.TypeWebhookEndpointFailing:
		p, err := events.Decode[events.WebhookEndpointFailing](t.e)
		if err != nil {
			return err
		}
		typ, data.FailingSince, data.DisableAt = public.EndpointFailing, &p.Since, &p.DisableAt
	case events.TypeWebhookEndpointUpdated:
		if after.DisabledBecause == "" || after.Enabled || before == nil || !before.Enabled {
			return nil
		}
		typ, data.Reason = public.EndpointDisabled, after.DisabledBecause
	case events.TypeWebhookEndpointTested:
		typ, t.only = public.EndpointTest, after.ID
	default:
		return nil
	}
	was, err := t.told(after.ID)
	if err != nil {
		return err
	}
	if t.only != "" {
		t.repeat(subject{after.ID, after.Organization, ""}, was, typ, func(v uint64) (any, error) {
			data.Version = v
			return data, nil
		})
		return nil
	}
	t.say(subject{after.ID, after.Organization, ""}, was, told{live: true}, typ, func(v uint64) (any, error) {
		data.Version = v
		return data, nil
	})
	return nil
}
