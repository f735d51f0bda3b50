package operate

import (
	"context"
	"fmt"
	"strconv"

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
	Job    string `arg:"" optional:"" help:"Only this one (job_…)." of:"job"`
	Follow bool   `help:"Wait until none runs any more, and show how far they are." env:"-"`
}

// Run shows the jobs of a directory, now or when they have ended.
func (c *mappingProgressCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		var jobs []*rollcallv1.DirectoryJob
		var err error
		if c.Follow {
			jobs, err = c.follow(ctx, s, out)
		} else {
			jobs, err = c.jobs(ctx, s)
		}
		if err != nil {
			return err
		}
		return list(s, out, jobs, jobColumns)
	})
}

func (c *mappingProgressCmd) jobs(ctx context.Context, s *Server) ([]*rollcallv1.DirectoryJob, error) {
	if c.Job != "" {
		r, err := s.jobs().GetDirectoryJob(ctx, &rollcallv1.GetDirectoryJobRequest{OrganizationId: c.Organization, DirectoryId: c.Directory, Id: c.Job})
		return []*rollcallv1.DirectoryJob{r.GetJob()}, err
	}
	r, err := s.jobs().ListDirectoryJobs(ctx, &rollcallv1.ListDirectoryJobsRequest{OrganizationId: c.Organization, DirectoryId: c.Directory})
	return r.GetJobs(), err
}

// follow asks until no job runs; its bar is of all that did since it began.
func (c *mappingProgressCmd) follow(ctx context.Context, s *Server, out *Output) (jobs []*rollcallv1.DirectoryJob, err error) {
	followed := map[string]bool{}
	err = watch(ctx, out, "what runs", func() (p progress, err error) {
		if jobs, err = c.jobs(ctx, s); err != nil {
			return p, err
		}
		p.ended = true
		var done, total uint64
		for _, j := range jobs {
			if j.GetStatus() == "RUNNING" {
				p.ended, followed[j.GetId()] = false, true
			}
			if followed[j.GetId()] {
				done, total = done+j.GetDone(), total+j.GetTotal()
			}
		}
		p.part, p.text = float64(done)/float64(max(total, 1)), fmt.Sprintf("%d of %d", done, total)
		return p, nil
	})
	return jobs, err
}
