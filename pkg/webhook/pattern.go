package webhook

import (
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// Bounds of patterns.
const (
	MaxPattern = 128 // bytes
	maxStars   = 4
)

// aliases are names that older texts use for the same events.
var aliases = map[string]string{
	"scalekit.dir.user.*":  "organization.directory.user_*",
	"scalekit.dir.group.*": "organization.directory.group_*",
}

// Pattern chooses event types: a type by its name, or with "*" for any run of
// characters, dots included ("*", "organization.directory.*",
// "organization.directory.user_*", "*.deleted"). The zero Pattern chooses
// nothing.
type Pattern struct {
	text string
	// parts is what must be found between the stars, one part if there is none.
	parts []string
}

// ParsePattern checks and reads a pattern: 1 to MaxPattern bytes of a-z, 0-9,
// "_", "." and at most four "*". "scalekit.dir.user.*" and
// "scalekit.dir.group.*" are aliases of "organization.directory.user_*" and
// "organization.directory.group_*".
func ParsePattern(text string) (Pattern, error) {
	if text == "" || len(text) > MaxPattern {
		return Pattern{}, fault.New(fault.Invalid, "An event type pattern has 1 to %d characters.", MaxPattern)
	}
	stars := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_', c == '.':
		case c == '*':
			stars++
		default:
			return Pattern{}, fault.New(fault.Invalid, "The event type pattern %q may hold a-z, 0-9, \"_\", \".\" and \"*\" only.", text)
		}
	}
	if stars > maxStars {
		return Pattern{}, fault.New(fault.Invalid, "The event type pattern %q has more than %d stars.", text, maxStars)
	}
	plain := text
	if a, ok := aliases[text]; ok {
		plain = a
	}
	if strings.Contains(plain, "..") || strings.HasPrefix(plain, ".") || strings.HasSuffix(plain, ".") {
		return Pattern{}, fault.New(fault.Invalid, "The event type pattern %q has an empty part; write, for example, \"organization.directory.*\".", text)
	}
	return Pattern{text: text, parts: strings.Split(plain, "*")}, nil
}

// String returns the text that the pattern was read from.
func (p Pattern) String() string { return p.text }

// Match reports whether the pattern chooses the type.
func (p Pattern) Match(eventType string) bool {
	if len(p.parts) == 0 {
		return false
	}
	first, last := p.parts[0], p.parts[len(p.parts)-1]
	if len(p.parts) == 1 {
		return eventType == first
	}
	if len(eventType) < len(first)+len(last) || !strings.HasPrefix(eventType, first) || !strings.HasSuffix(eventType, last) {
		return false
	}
	// The earliest place for each part leaves the most room for the rest.
	rest := eventType[len(first) : len(eventType)-len(last)]
	for _, part := range p.parts[1 : len(p.parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return true
}

// Patterns chooses the types that any of its patterns chooses.
type Patterns []Pattern

// ParsePatterns reads every pattern. It does not limit how many there are:
// directory.MaxEventTypes does.
func ParsePatterns(texts []string) (Patterns, error) {
	ps := make(Patterns, 0, len(texts))
	for _, t := range texts {
		p, err := ParsePattern(t)
		if err != nil {
			return nil, err
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// Match reports whether any pattern chooses the type.
func (ps Patterns) Match(eventType string) bool {
	for _, p := range ps {
		if p.Match(eventType) {
			return true
		}
	}
	return false
}
