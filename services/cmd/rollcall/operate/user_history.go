package operate

import (
	"context"
	"fmt"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

type userHistoryCmd struct{ person }

// Help is shown by kong.
func (userHistoryCmd) Help() string {
	return `Shows the last 64 writes of the API and of directories, and behind them who wrote each attribute as it is now.`
}

var writeColumns = []column[*rollcallv1.UserWrite]{
	{"TIME", func(w *rollcallv1.UserWrite) string { return when(w.GetTime()) }},
	{"ACTOR", (*rollcallv1.UserWrite).GetActor},
	{"ORGANIZATION", (*rollcallv1.UserWrite).GetOrganizationId},
	{"DIRECTORY", (*rollcallv1.UserWrite).GetDirectoryId},
	{"ATTRIBUTES", func(w *rollcallv1.UserWrite) string { return joined(w.GetAttributes()) }},
}

var writtenColumns = []column[*rollcallv1.UserAttribute]{
	{"ATTRIBUTE", (*rollcallv1.UserAttribute).GetName},
	{"WRITTEN", func(a *rollcallv1.UserAttribute) string { return when(a.GetTime()) }},
	{"BY", (*rollcallv1.UserAttribute).GetActor},
}

// Run shows a user's history.
func (c *userHistoryCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.history().ListUserHistory(ctx, &rollcallv1.ListUserHistoryRequest{UserId: c.User})
		if err != nil {
			return err
		}
		if s.JSON {
			return show(s, out, r, nil)
		}
		if err := list(s, out, r.GetWrites(), writeColumns); err != nil || len(r.GetAttributes()) == 0 {
			return err
		}
		fmt.Fprintln(out.Stdout)
		return list(s, out, r.GetAttributes(), writtenColumns)
	})
}
