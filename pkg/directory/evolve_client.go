package directory

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/events"
)

func foldClientCreated(f *folding, p events.APIClientCreated) error {
	f.put(Make(TableClient, f.e.Resource), &APIClient{
		ID: f.e.Resource, Organization: f.e.Organization, Revision: f.e.Revision, Created: f.e.At, Updated: f.e.At,
		Name: p.Name, Scopes: p.Scopes, Hash: p.Hash, Suffix: p.Suffix, SecretNumber: 1,
	})
	return nil
}

func foldClientUpdated(f *folding, p events.APIClientUpdated) error {
	return f.client(func(r *APIClient) { r.Name, r.Scopes = p.Name, p.Scopes })
}

func foldClientSecretChanged(f *folding, p events.APIClientSecretChanged) error {
	return f.client(func(r *APIClient) {
		var former []FormerSecret
		if p.FormerUntil != nil {
			former = slices.DeleteFunc(slices.Clone(r.Former), func(s FormerSecret) bool { return !s.Until.After(f.e.At) })
			former = append(former, FormerSecret{Until: *p.FormerUntil, Number: r.present(), Hash: r.Hash, Suffix: r.Suffix})
			former = former[max(0, len(former)-MaxFormerKeys):]
		}
		r.Former, r.Hash, r.Suffix, r.SecretNumber = former, p.Hash, p.Suffix, r.present()+1
	})
}

// client changes a copy of the event's client row.
func (f *folding) client(change func(*APIClient)) error {
	return edit(f, Make(TableClient, f.e.Resource), func(r *APIClient) {
		r.Revision, r.Updated = f.e.Revision, f.e.At
		change(r)
	})
}

// expiredKeys is how many keys that no longer count one event removes at most.
// Each event adds one, so what is left over becomes less.
const expiredKeys = 4

func foldKeyUsed(f *folding, p events.IdempotencyKeyUsed) error {
	name := HashKey(p.Key)
	old, ok, err := get[*UsedKey](f.view, Make(TableUsedKey, name))
	if err != nil {
		return err
	}
	if ok {
		f.drop(Make(TableUsedKeyOrder, timeKey(old.At), name))
	}
	var expired []Key
	if err := f.view.Scan(Make(TableUsedKeyOrder), "", func(k Key, _ Row) bool {
		if k >= Make(TableUsedKeyOrder, timeKey(f.e.At.Add(-KeyLife))) || len(expired) == expiredKeys {
			return false
		}
		expired = append(expired, k)
		return true
	}); err != nil {
		return err
	}
	for _, k := range expired {
		if k.Last() != name {
			f.drop(Make(TableUsedKey, k.Last()))
			f.drop(k)
		}
	}
	f.put(Make(TableUsedKey, name), &UsedKey{At: f.e.At, Request: p.Request, Row: Key(p.Row)})
	f.refer("", Make(TableUsedKeyOrder, timeKey(f.e.At), name))
	return nil
}

// timeKey writes a time so that later times sort behind, to the microsecond.
func timeKey(t time.Time) string {
	s := strconv.FormatInt(max(t.UnixMicro(), 0), 10)
	return strings.Repeat("0", 18-min(len(s), 18)) + s
}
