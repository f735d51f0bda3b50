package directory

import (
	"strconv"
	"sync"
	"testing"
)

// TestSieve holds that no key that was added is denied, and that few others
// are admitted, however full it is; and that others may ask meanwhile.
func TestSieve(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 1000, 1024, 50_000} {
		s := newSieve(n / sieveGrowth)
		key := func(i int) Key { return Make(TableUser, "dir_1", strconv.Itoa(i)) }
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range n {
				s.may(key(i))
			}
		})
		for i := range n {
			s.add(key(i))
		}
		wg.Wait()
		for i := range n {
			if !s.may(key(i)) {
				t.Fatalf("%d of %d was added and is denied", i, n)
			}
		}
		const others = 20_000
		admitted := 0
		for i := range others {
			if s.may(key(n + i)) {
				admitted++
			}
		}
		if !s.full(n) && admitted > others/20 {
			t.Errorf("with %d keys, %d of %d others are admitted", n, admitted, others)
		}
	}
}
