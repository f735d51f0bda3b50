package api

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/webhook"
)

// tailQuery chooses attempts. What is empty chooses all.
type tailQuery struct {
	endpoint, organization string
	types                  webhook.Patterns
	status                 DeliveryStatus
}

// parseTailQuery reads the parameters. One that it does not know is refused: a
// filter that is misspelt would show everything.
func parseTailQuery(v url.Values) (q tailQuery, err error) {
	for name, values := range v {
		if name == "event_types" {
			if err := checkPatterns(values); err != nil {
				return q, err
			}
			for _, text := range values {
				p, err := webhook.ParsePattern(text)
				if err != nil {
					return q, err
				}
				q.types = append(q.types, p)
			}
			continue
		}
		if len(values) != 1 {
			return q, fault.New(fault.Invalid, "%.40q is given more than once.", name)
		}
		switch value := values[0]; name {
		case "endpoint_id":
			q.endpoint, err = value, checkID(name, value, "", maxID)
		case "organization_id":
			q.organization, err = value, checkID(name, value, "", maxID)
		case "status":
			if q.status, err = deliveryStatus(value); err == nil && q.status == DeliveryPending {
				err = fault.New(fault.Invalid, "status: a delivery that is %s has no attempt yet.", value)
			}
		default:
			err = fault.New(fault.Invalid, "There is no parameter %.40q; there are endpoint_id, organization_id, event_types and status.", name)
		}
		if err != nil {
			return q, err
		}
	}
	return q, nil
}

// wanted returns which records, from the given one on, are attempts that the
// query chooses.
func (t *tail) wanted(records []attempts.Record, from int) ([]int, error) {
	var list []int
	for i := from; i < len(records); i++ {
		if r := &records[i]; r.Kind == attempts.KindAttempt && t.query.chooses(r) {
			list = append(list, i)
		}
	}
	if t.query.organization == "" || len(list) == 0 {
		return list, nil
	}
	ids := make([]string, 0, len(list))
	for _, i := range list {
		ids = append(ids, records[i].Endpoint)
	}
	if err := t.learn(ids); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(i int) bool { return t.organizations[records[i].Endpoint] != t.query.organization }), nil
}

func (q *tailQuery) chooses(r *attempts.Record) bool {
	return (q.endpoint == "" || q.endpoint == r.Endpoint) && (len(q.types) == 0 || q.types.Match(r.EventType)) &&
		(q.status == "" || q.status == statusAfter(r.Outcome))
}

// statusAfter is how a delivery stands after an attempt.
func statusAfter(o attempts.Outcome) DeliveryStatus {
	switch o {
	case attempts.Delivered:
		return DeliveryDelivered
	case attempts.Failed:
		return DeliveryRetrying
	case attempts.Dead:
		return DeliveryDead
	}
	return ""
}

// tailedMessage shows a delivery as it stands after an attempt, with that attempt
// alone.
func tailedMessage(r *attempts.Record) *rollcallv1.Delivery {
	a := DeliveryAttempt{Number: r.Attempt, At: r.At, Took: r.Duration, StatusCode: r.Status, Error: r.Error, Replay: r.Replay}
	if d := r.Detail; d != nil {
		a.DNS, a.Connect, a.TLS, a.FirstByte, a.Head, a.Body = d.DNS, d.Connect, d.TLS, d.FirstByte, d.Head, d.Body
	}
	return deliveryMessage(r.Endpoint, Delivery{
		ID: attempts.DeliveryID(r.EventID, r.Seq), EventID: r.EventID, EventType: r.EventType, Status: statusAfter(r.Outcome),
		NextAttempt: r.Due, Attempts: r.Attempt, Log: []DeliveryAttempt{a},
	})
}

// tailPlace is where a reader goes on: at a frame, behind so many of its records.
// Frame 0 is the end of the record.
type tailPlace struct {
	frame   uint64
	records int
}

func (p tailPlace) String() string { return fmt.Sprintf("%d.%d", p.frame, p.records) }

// parseTailPlace reads what String wrote. Empty text is the end of the record.
func parseTailPlace(text string) (p tailPlace, err error) {
	if text == "" {
		return p, nil
	}
	frame, records, ok := strings.Cut(text, ".")
	p.frame, err = strconv.ParseUint(frame, 10, 64)
	if ok && err == nil {
		p.records, err = strconv.Atoi(records)
	}
	if !ok || err != nil || p.frame == 0 || p.frame > 1<<62 || p.String() != text || p.records < 0 {
		return p, fault.New(fault.Invalid, "Last-Event-ID is not one that this stream gave; leave it out to begin with what comes.")
	}
	return p, nil
}
