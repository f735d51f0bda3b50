package harness

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Memory is what a process occupies, in bytes: Anon is its own, File what it
// shares with the page cache, which the system takes back when it needs to.
type Memory struct{ Anon, File int64 }

// Memory asks the system how much the process occupies now. It works on Linux.
func (p *Process) Memory() (Memory, error) {
	p.mu.Lock()
	cmd := p.cmd
	p.mu.Unlock()
	if cmd == nil {
		return Memory{}, errors.New(p.Name + " does not run")
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		return Memory{}, err
	}
	var m Memory
	for name, to := range map[string]*int64{"RssAnon:": &m.Anon, "RssFile:": &m.File} {
		_, rest, ok := strings.Cut(string(b), "\n"+name)
		if !ok {
			return Memory{}, errors.New("the system does not say " + name)
		}
		var kib int64
		if _, err := fmt.Sscan(rest, &kib); err != nil {
			return Memory{}, fmt.Errorf("read %s of %s: %w", name, p.Name, err)
		}
		*to = kib << 10
	}
	return m, nil
}
