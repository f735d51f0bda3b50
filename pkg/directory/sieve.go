package directory

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// sieve is a Bloom filter with two bits a key. Most look-ups go through several
// overlays that do not have the key, and a search in a tree compares a dozen long
// keys to find that out. One goroutine adds while others ask.
type sieve struct {
	words []atomic.Uint64
	shift uint // leaves as many high bits of a hash as number the bits
}

const (
	// sieveBits is how many bits there are for each key when a sieve is full,
	// which is asked in vain for one of some 60 keys then.
	sieveBits = 16
	// sieveMin is the smallest number of bits.
	sieveMin = 1 << 14
	// sieveGrowth is for how many times the keys a larger sieve is made.
	sieveGrowth = 4
)

var sieveSeed = maphash.MakeSeed()

// newSieve makes one that has room for some more keys than n.
func newSieve(n int) *sieve {
	size := max(sieveMin, sieveBits*sieveGrowth*n)
	log := uint(bits.Len(uint(size - 1))) //nolint:gosec // positive
	return &sieve{words: make([]atomic.Uint64, 1<<(log-6)), shift: 64 - log}
}

// full reports whether n keys are too many.
func (s *sieve) full(n int) bool { return n*sieveBits > len(s.words)*64 }

func (s *sieve) add(k Key) {
	h := maphash.String(sieveSeed, string(k))
	for _, bit := range [2]uint64{h >> s.shift, h * 0x9e3779b97f4a7c15 >> s.shift} {
		if w := &s.words[bit/64]; w.Load()&(1<<(bit%64)) == 0 {
			w.Or(1 << (bit % 64))
		}
	}
}

// may reports false only for keys that were not added.
func (s *sieve) may(k Key) bool {
	h := maphash.String(sieveSeed, string(k))
	first, second := h>>s.shift, h*0x9e3779b97f4a7c15>>s.shift
	return s.words[first/64].Load()&(1<<(first%64)) != 0 && s.words[second/64].Load()&(1<<(second%64)) != 0
}
