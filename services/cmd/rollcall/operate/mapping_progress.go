package operate

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

var jobColumns = []column[*rollcallv1.DirectoryJob]{
	{"ID", (*rollcallv1.DirectoryJob).GetId},
	{"KIND", (*rollcallv1.DirectoryJob).GetKind},
	{"OF", (*rollcallv1.DirectoryJob).GetResourceId},
	{"STATUS", (*rollcallv1.DirectoryJob).GetStatus},
	{"DONE", func(j *rollcallv1.DirectoryJob) string { return strconv.FormatUint(j.GetDone(), 10) }},
	{"TOTAL", func(j *rollcallv1.DirectoryJob) string { return strconv.FormatUint(j.GetTotal(), 10) }},
	{"BEGAN", func(j *rollcallv1.DirectoryJob) string { return when(j.GetCreateTime()) }},
	{"ENDED", func(j *rollcallv1.DirectoryJob) string { return when(j.GetEndTime()) }},
	{"BY", (*rollcallv1.DirectoryJob).GetActor},
}

type mappingProgressCmd struct {
	place
	Follow bool `help:"Wait until none runs any more, and show how far they are." env:"-"`
}

// Run shows the jobs of a directory, now or when they have ended.
func (c *mappingProgressCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		jobs, err := c.jobs(ctx, s)
		if err == nil && c.Follow {
			jobs, err = c.follow(ctx, s, out, jobs)
		}
		if err != nil {
			return err
		}
		return list(s, out, jobs, jobColumns)
	})
}

func (c *mappingProgressCmd) jobs(ctx context.Context, s *Server) ([]*rollcallv1.DirectoryJob, error) {
	r, err := s.jobs().ListDirectoryJobs(ctx, &rollcallv1.ListDirectoryJobsRequest{OrganizationId: c.Organization, DirectoryId: c.Directory})
	return r.GetJobs(), err
}

// follow asks until no job runs, with a bar on a terminal for all that did since
// it began.
func (c *mappingProgressCmd) follow(ctx context.Context, s *Server, out *Output, jobs []*rollcallv1.DirectoryJob) ([]*rollcallv1.DirectoryJob, error) {
	var bar *progressbar.ProgressBar
	if isTerminal(out.Stderr) {
		bar = progressbar.NewOptions(1000, progressbar.OptionSetWriter(out.Stderr), progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish())
		defer func() { _ = bar.Finish() }() // a bar that cannot be drawn costs nothing
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	followed := map[string]bool{}
	for {
		var running, done, total uint64
		for _, j := range jobs {
			if j.GetStatus() == "RUNNING" {
				running++
				followed[j.GetId()] = true
			}
			if followed[j.GetId()] {
				done, total = done+j.GetDone(), total+j.GetTotal()
			}
		}
		if running == 0 {
			return jobs, nil
		}
		if bar != nil {
			bar.Describe(fmt.Sprintf("%d of %d", done, total))
			_ = bar.Set64(int64(1000 * float64(done) / float64(max(total, 1))))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("what runs goes on at the server: %w", context.Cause(ctx))
		case <-tick.C:
		}
		var err error
		if jobs, err = c.jobs(ctx, s); err != nil {
			return nil, err
		}
	}
}
