package search

import "github.com/rollcallhq/rollcall/pkg/directory"

// pollEvery is how many rows are read between two questions whether to go on.
const pollEvery = 1024

// stoppable is a view that asks now and then whether to go on, whatever is read
// of it: rows, or the entries of an index that a plan walks over.
type stoppable struct {
	directory.View
	stop func() error
	n    int
	err  error
}

// more asks, if it is time to.
func (s *stoppable) more() bool {
	if s.n++; s.n%pollEvery == 0 && s.err == nil {
		s.err = s.stop()
	}
	return s.err == nil
}

// Get implements directory.View.
func (s *stoppable) Get(k directory.Key) (directory.Row, error) {
	if !s.more() {
		return nil, s.err
	}
	return s.View.Get(k)
}

// Scan implements directory.View.
func (s *stoppable) Scan(prefix, after directory.Key, yield func(directory.Key, directory.Row) bool) error {
	err := s.View.Scan(prefix, after, func(k directory.Key, r directory.Row) bool { return s.more() && yield(k, r) })
	if s.err != nil {
		return s.err
	}
	return err
}

// ScanBack implements directory.View.
func (s *stoppable) ScanBack(prefix, before directory.Key, yield func(directory.Key, directory.Row) bool) error {
	err := s.View.ScanBack(prefix, before, func(k directory.Key, r directory.Row) bool { return s.more() && yield(k, r) })
	if s.err != nil {
		return s.err
	}
	return err
}
