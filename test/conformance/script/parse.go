package script

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// maxLine bounds one line of a script, in bytes.
const maxLine = 1 << 20

// Case is one conversation on a directory of its own.
type Case struct {
	File string
	// Section is what the case belongs to, such as RFC7644/3.4.2.2.
	Section, Title string
	Setting        Setting
	Steps          []Step
}

// Name is the case's name as a subtest.
func (c *Case) Name() string { return c.Section + "/" + c.Title }

// Setting says which directory a case needs.
type Setting struct {
	Provider string // "" is generic
	// Domain is registered, and only its users are taken; without one the
	// directory takes all.
	Domain     string
	Strict     bool
	Policies   []string // JSON objects
	Extensions []string // JSON objects
	Header     []Field
}

// Field is one header line.
type Field struct{ Name, Value string }

// Step is a request, what its answer has to be, and what it causes.
type Step struct {
	Line   int
	Method string
	Path   string
	Header []Field
	Body   string
	Raw    bool // the body is sent as it stands
	// Save is the name under which the answer's id and version are kept.
	Save string

	Status, Types []string // alternatives; no Types: the answer has no scimType
	Checks        []Check
	Events        []Event
	Notes         []Note
}

// Event is a public event that a step causes.
type Event struct {
	Line     int
	Type     string // the last part of the public type, such as user_created
	Resource string // a name
	Checks   []Check
}

// Note is what a step leaves in the sync log: a request that was refused, or a
// deviation that was tolerated.
type Note struct {
	Line    int
	Refused bool
	Cause   string
	Path    string // "" is any
}

var (
	fieldLine  = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*):(?: (.*))?$`)
	checkLine  = regexp.MustCompile(`^(\S+)\s+(=|!=|~|!~|absent|present|empty|as|count|unordered|has|lacks)(?:\s+(.*))?$`)
	createLine = regexp.MustCompile(`^\+ (user|group) (\w+)(?: (.*))?$`)
	statusLine = regexp.MustCompile(`^< ([0-9|]+)(?: ([A-Za-z|]+))?$`)
	noteLine   = regexp.MustCompile(`^\? (refused|tolerated) (\w+)(?: (\S+))?$`)
	eventLine  = regexp.MustCompile(`^! (\w+) (\w+)$`)
)

// reader is where parsing stands.
type reader struct {
	file   string
	all    []Case
	base   Setting // of the file
	inBody bool    // between a request and its answer
	line   int
}

// Parse reads all cases of a file.
func Parse(name string, r io.Reader) ([]Case, error) {
	p := reader{file: name}
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	for in.Scan() {
		p.line++
		if err := p.read(strings.TrimRight(in.Text(), " \t")); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, p.line, err)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := p.whole(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, p.line, err)
	}
	return p.all, nil
}

// whole says what is missing before a new case or the end.
func (p *reader) whole() error {
	if len(p.all) == 0 {
		return nil
	}
	steps := p.all[len(p.all)-1].Steps
	if len(steps) == 0 || len(steps[len(steps)-1].Status) == 0 {
		return fmt.Errorf("the case before this line ends without an answer")
	}
	return nil
}

func (p *reader) setting() *Setting {
	if len(p.all) == 0 {
		return &p.base
	}
	return &p.all[len(p.all)-1].Setting
}

// step is the last one, nil before a case's first.
func (p *reader) step() *Step {
	if len(p.all) == 0 {
		return nil
	}
	steps := p.all[len(p.all)-1].Steps
	if len(steps) == 0 {
		return nil
	}
	return &steps[len(steps)-1]
}

func (p *reader) read(s string) error {
	if p.inBody && !strings.HasPrefix(s, "< ") {
		return p.body(s)
	}
	if s == "" || strings.HasPrefix(s, "#") {
		return nil
	}
	kind, rest, _ := strings.Cut(s, " ")
	rest = strings.TrimSpace(rest)
	switch kind {
	case "==":
		return p.begin(rest)
	case "@":
		return p.set(rest)
	case "+":
		return p.create(s)
	case ">":
		method, path, ok := strings.Cut(rest, " ")
		if !ok || len(p.all) == 0 {
			return fmt.Errorf("a request is > METHOD PATH, in a case")
		}
		p.add(Step{Method: method, Path: path})
		p.inBody = true
		return nil
	case "<":
		m := statusLine.FindStringSubmatch(s)
		if m == nil || !p.inBody {
			return fmt.Errorf("an answer is < STATUS SCIMTYPE, behind a request")
		}
		p.inBody = false
		st := p.step()
		st.Status = strings.Split(m[1], "|")
		if m[2] != "" {
			st.Types = strings.Split(m[2], "|")
		}
		return nil
	case "?":
		m := noteLine.FindStringSubmatch(s)
		if m == nil || p.step() == nil {
			return fmt.Errorf("a note is ? refused CAUSE or ? tolerated CAUSE PATH, behind an answer")
		}
		p.step().Notes = append(p.step().Notes, Note{Line: p.line, Refused: m[1] == "refused", Cause: m[2], Path: m[3]})
		return nil
	case "!":
		m := eventLine.FindStringSubmatch(s)
		if m == nil || p.step() == nil {
			return fmt.Errorf("an event is ! TYPE NAME, behind an answer")
		}
		p.step().Events = append(p.step().Events, Event{Line: p.line, Type: m[1], Resource: m[2]})
		return nil
	}
	if m := fieldLine.FindStringSubmatch(s); m != nil && p.step() == nil {
		p.setting().Header = append(p.setting().Header, Field{m[1], m[2]})
		return nil
	}
	return p.check(s)
}

func (p *reader) begin(rest string) error {
	if err := p.whole(); err != nil {
		return err
	}
	section, title, ok := strings.Cut(rest, " ")
	if !ok {
		return fmt.Errorf("a case is == SECTION TITLE")
	}
	c := Case{File: p.file, Section: section, Title: title, Setting: p.base}
	c.Setting.Header = append([]Field(nil), p.base.Header...)
	c.Setting.Policies = append([]string(nil), p.base.Policies...)
	c.Setting.Extensions = append([]string(nil), p.base.Extensions...)
	p.all = append(p.all, c)
	return nil
}

func (p *reader) set(rest string) error {
	word, value, _ := strings.Cut(rest, " ")
	s := p.setting()
	switch word {
	case "STRICT":
		s.Strict = true
	case "policy":
		s.Policies = append(s.Policies, value)
	case "domain":
		s.Domain = value
	case "extension":
		s.Extensions = append(s.Extensions, value)
	default:
		if word == "" || word != strings.ToUpper(word) || value != "" {
			return fmt.Errorf("there is no setting %q", rest)
		}
		s.Provider = word
	}
	return nil
}

func (p *reader) create(s string) error {
	m := createLine.FindStringSubmatch(s)
	if m == nil || len(p.all) == 0 {
		return fmt.Errorf("a creation is + user NAME JSON or + group NAME JSON, in a case")
	}
	st := Step{Method: "POST", Path: "/Users", Save: m[2], Status: []string{"201"}}
	head := `"schemas":["{User}"],"userName":"` + m[2] + `"`
	if m[1] == "group" {
		st.Path, head = "/Groups", `"schemas":["{Group}"],"displayName":"`+m[2]+`"`
	}
	body, err := merge("{"+head+"}", m[3])
	if err != nil {
		return err
	}
	st.Body = body
	p.add(st)
	return nil
}

func (p *reader) add(st Step) {
	st.Line = p.line
	c := &p.all[len(p.all)-1]
	c.Steps = append(c.Steps, st)
}

// body takes what stands between a request and its answer.
func (p *reader) body(s string) error {
	st := p.step()
	if raw, ok := strings.CutPrefix(s, "|"); ok {
		if st.Raw {
			st.Body += "\n"
		}
		st.Body, st.Raw = st.Body+raw, true
		return nil
	}
	if m := fieldLine.FindStringSubmatch(s); m != nil && st.Body == "" {
		st.Header = append(st.Header, Field{m[1], m[2]})
		return nil
	}
	if strings.HasPrefix(s, "#") {
		return nil
	}
	st.Body += s
	return nil
}

func (p *reader) check(s string) error {
	m := checkLine.FindStringSubmatch(s)
	if m == nil || p.step() == nil {
		return fmt.Errorf("%q is no line of a script", s)
	}
	c := Check{Line: p.line, Subject: m[1], Verb: m[2], Arg: m[3]}
	if err := c.sound(); err != nil {
		return err
	}
	st := p.step()
	if n := len(st.Events); n > 0 {
		st.Events[n-1].Checks = append(st.Events[n-1].Checks, c)
		return nil
	}
	st.Checks = append(st.Checks, c)
	return nil
}
