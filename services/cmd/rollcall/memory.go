package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

// softMemory is how much memory the collector lets the process take before it
// works harder, in bytes. What is in use at once, with a million users, is about
// half of it; without a limit the process grows to twice what it needs.
const softMemory = 640 << 20

// limitMemory gives the collector its limit, unless GOMEMLIMIT says another one:
// at most half of what a container may take, since the other half is better used
// for pages of the read models.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := int64(softMemory)
	if c, ok := containerMemory("/"); ok {
		limit = min(limit, c/2)
	}
	debug.SetMemoryLimit(limit)
}

// containerMemory returns the memory limit of the control group that the process
// is in, in bytes, for both versions of them. ok is false if there is none.
func containerMemory(root string) (limit int64, ok bool) {
	groups, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0, false
	}
	var files []string
	for line := range strings.Lines(string(groups)) {
		// number:controllers:path; the second version has no controllers.
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		// Inside a container the group's own folder may be mounted at the top.
		for _, path := range []string{parts[2], "/"} {
			switch {
			case parts[1] == "":
				files = append(files, filepath.Join(root, "sys/fs/cgroup", path, "memory.max"))
			case strings.Contains(","+parts[1]+",", ",memory,"):
				files = append(files, filepath.Join(root, "sys/fs/cgroup/memory", path, "memory.limit_in_bytes"))
			}
		}
	}
	const none = 1 << 60 // what stands for no limit is larger
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		if err == nil && n > 0 && n < none && (!ok || n < limit) {
			limit, ok = n, true
		}
	}
	return limit, ok
}
