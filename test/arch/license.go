package arch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Allowed lists the licences, by SPDX identifier, that a linked module may
// have. All of them let a binary be shipped under Apache-2.0 with notices;
// MPL-2.0 does as long as its own files are not changed.
var Allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}

// ErrNoLicense says that a module ships no licence file.
var ErrNoLicense = errors.New("no licence file")

// Licenses reads the licence files at the top of a module and returns what they
// are, in order and once each. A file that is none of the known texts is listed
// as "unknown (name)".
func Licenses(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for a licence: %w", err)
	}
	var ids []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") || strings.HasSuffix(name, ".GO") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read a licence: %w", err)
		}
		id := identify(string(text))
		if id == "" {
			id = "unknown (" + e.Name() + ")"
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoLicense)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// identify names a licence by sentences that only it has. The copyleft family
// is asked for first and by title, because other texts mention it in passing.
func identify(text string) string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	has := func(s string) bool { return strings.Contains(text, s) }
	title := text[:min(len(text), 300)]
	switch {
	case strings.Contains(title, "gnu ") && strings.Contains(title, "general public license"):
		return "GPL"
	case strings.Contains(title, "mozilla public license") && has("2.0"):
		return "MPL-2.0"
	case has("apache license") && has("version 2.0"):
		return "Apache-2.0"
	case has("permission to use, copy, modify, and/or distribute this software"):
		return "ISC"
	case has("permission is hereby granted, free of charge, to any person obtaining a copy"):
		return "MIT"
	case has("redistribution and use in source and binary forms") && has("neither the name"):
		return "BSD-3-Clause"
	case has("redistribution and use in source and binary forms"):
		return "BSD-2-Clause"
	}
	return ""
}
