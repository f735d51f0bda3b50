package published

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// stride is how far back the search for a page looks first, as a multiple of the
// page; each further step is as many times as far.
const stride = 4

// ReadBack returns at most limit events, 1 to MaxPage, that fit the filter and
// are ahead of a position: the last ones before it, oldest first. Next is that of
// the page's last event, and More says that there are events ahead of the page.
//
// A stream is read forwards only, so the beginning of the page is searched by
// counting what fits: a handful of short-lived consumers, whatever the stream holds.
//
// Errors: those of Read.
func (r *Reader) ReadBack(ctx context.Context, f Filter, before uint64, limit int) (Page, error) {
	return r.bounded(ctx, f, func(ctx context.Context, subjects []string) (Page, error) {
		return r.readBack(ctx, f, subjects, before, max(1, min(limit, MaxPage)))
	})
}

func (r *Reader) readBack(ctx context.Context, f Filter, subjects []string, before uint64, limit int) (Page, error) {
	s, err := r.js.Stream(ctx, stream)
	if err != nil {
		return Page{}, err
	}
	first, last := max(s.CachedInfo().State.FirstSeq, 1), s.CachedInfo().State.LastSeq
	low, high := first, min(before, last+1)
	if !f.From.IsZero() {
		if low, err = search(ctx, s, first, last, f.From); err != nil {
			return Page{}, err
		}
	}
	if !f.Until.IsZero() {
		until, err := search(ctx, s, first, last, f.Until)
		if err != nil {
			return Page{}, err
		}
		high = min(high, until)
	}
	p := Page{Oldest: first - 1}
	if low >= high {
		return p, nil
	}
	from, n, err := r.tail(ctx, subjects, low, high, limit+1)
	if err != nil || n == 0 {
		return p, err
	}
	var list []Event
	for at, left := from, n; left > 0; { // what is too large for one read comes in several
		some, _, err := r.fetch(ctx, at, subjects, left)
		if err != nil {
			return Page{}, err
		}
		if len(some) == 0 {
			break // trimmed meanwhile
		}
		at, left = some[len(some)-1].Seq+1, left-len(some)
		list = append(list, some...)
		list = list[max(0, len(list)-limit-1):]
	}
	for len(list) > 0 && list[len(list)-1].Seq >= high {
		list = list[:len(list)-1] // trimmed meanwhile, so that the count reached too far
	}
	if p.More = len(list) > limit; p.More {
		list = list[1:]
	}
	if p.Events = list; len(list) > 0 {
		p.Next = list[len(list)-1].Seq
	}
	return p, nil
}

// tail looks for a sequence from which on at least want events fit before high,
// and not many more: low itself if there are fewer. It says how many there are.
func (r *Reader) tail(ctx context.Context, subjects []string, low, high uint64, want int) (from uint64, n int, err error) {
	count := func(at uint64) (n int, err error) {
		err = r.at(ctx, at, subjects, func(_ jetstream.Consumer, pending int) error { n = pending; return nil })
		return n, err
	}
	behind, err := count(high)
	if err != nil {
		return 0, 0, err
	}
	within := func(at uint64) (int, error) {
		n, err := count(at)
		return n - behind, err
	}
	few := high // too few fit from there on

	for step := uint64(want); ; step *= stride { //nolint:gosec // positive
		if from = low; step < high-low {
			from = high - step
		}
		if n, err = within(from); err != nil {
			return 0, 0, err
		}
		if n >= want || from == low {
			break
		}
		few = from
	}
	for n > 2*want && few-from > 1 {
		mid := from + (few-from)/2
		m, err := within(mid)
		switch {
		case err != nil:
			return 0, 0, err
		case m >= want:
			from, n = mid, m
		default:
			few = mid
		}
	}
	return from, max(0, n), nil
}
