package harness

import (
	"slices"
	"sync"
)

// Secret is a text that must be in no log.
type Secret struct{ Kind, Text string }

// Secrets collects what the clients of an installation were told or sent.
type Secrets struct {
	mu  sync.Mutex
	all []Secret
}

// Add remembers a secret; an empty one is none.
func (s *Secrets) Add(kind, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text != "" && !slices.Contains(s.all, Secret{kind, text}) {
		s.all = append(s.all, Secret{kind, text})
	}
}

// All returns what was remembered.
func (s *Secrets) All() []Secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}
