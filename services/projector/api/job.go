package api

import (
	"context"
	"strings"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// mostJobs is how many jobs one answer lists, the newest. More than a few run at
// a time only where somebody renames or deletes many large groups at once.
const mostJobs = 100

// ListDirectoryJobs shows the fan-outs of a directory, the newest first.
func (s *jobService) ListDirectoryJobs(ctx context.Context, r *rollcallv1.ListDirectoryJobsRequest) (*rollcallv1.ListDirectoryJobsResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()); err != nil {
		return nil, err
	}
	res := &rollcallv1.ListDirectoryJobsResponse{}
	err := s.core.read(ctx, func(v directory.View) error {
		d, err := directoryOf(v, r.GetOrganizationId(), r.GetDirectoryId())
		if err != nil {
			return err
		}
		return v.ScanBack(directory.Make(directory.TableProgress, d.ID), "", func(_ directory.Key, row directory.Row) bool {
			if p, ok := row.(*directory.FanoutProgress); ok {
				res.Jobs = append(res.Jobs, jobMessage(p))
			}
			return len(res.GetJobs()) < mostJobs
		})
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// GetDirectoryJob shows one.
func (s *jobService) GetDirectoryJob(ctx context.Context, r *rollcallv1.GetDirectoryJobRequest) (*rollcallv1.GetDirectoryJobResponse, error) {
	if err := first(checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()), checkID("id", r.GetId(), directory.PrefixJob, maxID)); err != nil {
		return nil, err
	}
	res := &rollcallv1.GetDirectoryJobResponse{}
	err := s.core.read(ctx, func(v directory.View) error {
		d, err := directoryOf(v, r.GetOrganizationId(), r.GetDirectoryId())
		if err != nil {
			return err
		}
		p, ok, err := directory.Get[*directory.FanoutProgress](v, directory.Make(directory.TableProgress, d.ID, r.GetId()))
		if err == nil && !ok {
			err = fault.New(fault.NotFound, "There is no job %q of this directory, or it ended long ago.", r.GetId())
		}
		if err != nil {
			return err
		}
		res.Job = jobMessage(p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// jobMessage shows a fan-out. Who joined after it began is part of the total, so
// that it is never exceeded, and a job that has finished has left nobody out.
func jobMessage(p *directory.FanoutProgress) *rollcallv1.DirectoryJob {
	m := &rollcallv1.DirectoryJob{
		Id: p.Job, Kind: strings.ToUpper(string(p.Kind)), Status: strings.ToUpper(p.Status), ResourceId: p.Resource, Actor: p.Actor,
		CreateTime: stamp(p.Started), EndTime: stamp(p.Ended), Done: p.Done, Total: max(p.Total, p.Done),
	}
	if p.Status == directory.ProgressFinished {
		m.Total = p.Done
	}
	return m
}
