package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// core is what all services share. Its two ways out, read and submit, both ask
// for the principal: a road that goes around the middleware leads nowhere.
type core struct {
	cfg   Config
	last  lastUse
	tails *tails
}

func newCore(cfg Config) *core {
	return &core{cfg: cfg, last: lastUse{at: map[string]time.Time{}}, tails: newTails()}
}

func (c *core) read(ctx context.Context, f func(directory.View) error) error {
	if _, err := principalOf(ctx); err != nil {
		return err
	}
	return c.cfg.Model.Read(ctx, f)
}

func (c *core) submit(ctx context.Context, cmd directory.Command) (directory.Row, error) {
	p, err := principalOf(ctx)
	if err != nil {
		return nil, err
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: it ends the program instead
	return c.cfg.Commands.Submit(ctx, directory.Request{ID: hex.EncodeToString(id[:]), Actor: p.actor(), Command: cmd, Once: p.once.next()})
}

// submitFor is submit for commands that leave a row behind.
func submitFor[T directory.Row](ctx context.Context, c *core, cmd directory.Command) (T, error) {
	var none T
	row, err := c.submit(ctx, cmd)
	if err != nil {
		return none, err
	}
	if row == nil {
		return none, fault.New(fault.NotFound, "What this call was about was deleted by another call meanwhile.")
	}
	r, ok := row.(T)
	if !ok {
		return none, fault.New(fault.Internal, "The command was carried out, but its answer has another form than expected (%T).", row)
	}
	return r, nil
}

// organizationOf finds one by its id or, if that is empty, by its external id.
func organizationOf(v directory.View, id, externalID string) (*directory.Organization, error) {
	if id == "" {
		ref, ok, err := directory.Get[directory.Ref](v, directory.Make(directory.TableOrganizationName, externalID))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fault.New(fault.NotFound, "There is no organization with external id %q.", externalID)
		}
		id = string(ref)
	}
	o, ok, err := directory.Get[*directory.Organization](v, directory.Make(directory.TableOrganization, id))
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no organization %q.", id)
	}
	return o, err
}

// directoryOf finds a directory within its organization.
func directoryOf(v directory.View, org, id string) (*directory.Directory, error) {
	if _, err := organizationOf(v, org, ""); err != nil {
		return nil, err
	}
	d, ok, err := directory.Get[*directory.Directory](v, directory.Make(directory.TableDirectory, id))
	if err == nil && (!ok || d.Organization != org) {
		err = fault.New(fault.NotFound, "There is no directory %q in this organization.", id)
	}
	return d, err
}

// clamp fits a count into the width that the messages have.
func clamp[N int | int64 | uint64](n N) int32 {
	if n < 0 {
		return 0
	}
	return int32(min(uint64(n), math.MaxInt32))
}

// stamp writes a time; the zero time is left out.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// text returns nil for empty text, so that optional fields are left out.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
