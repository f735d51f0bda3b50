package synclog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Version is the wire form that Encode writes.
const Version = 1

// MaxBatch is the largest encoded batch, in bytes.
const MaxBatch = 256 << 10

// Batch is what one message of REQUESTS says of one directory.
type Batch struct {
	Organization string
	Directory    string
	Entries      []Entry
	// Usage is nil if nothing is said of it.
	Usage *Usage
}

// Usage is how a directory was used since the batch before that said so.
type Usage struct {
	// Requests counts all that were authenticated; Refused and Tolerated are
	// parts of them, and of the operations of those that were Bulks.
	Requests  int `json:"requests"`
	Refused   int `json:"refused,omitempty"`
	Tolerated int `json:"tolerated,omitempty"`
	// Last is the time of the last request, LastSuccess of the last one that was
	// not refused, zero if there was none.
	Last        time.Time `json:"last"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	// LastRefusal is the last one, nil if there was none.
	LastRefusal *Refusal `json:"last_refusal,omitempty"`
	// Secrets says when each bearer secret was used last, by its id.
	Secrets map[string]time.Time `json:"secrets,omitempty"`
}

// Refusal is what is remembered of the last refused request.
type Refusal struct {
	At     time.Time `json:"at"`
	Status int       `json:"status"`
	Cause  string    `json:"cause"`
	Detail string    `json:"detail,omitempty"`
}

// ErrMalformed says that a message is no batch.
var ErrMalformed = errors.New("synclog: the message is not a batch of the sync log")

// UnknownVersionError says that a batch was written by a newer program.
type UnknownVersionError struct{ Version int }

func (e *UnknownVersionError) Error() string {
	return fmt.Sprintf("synclog: the batch has version %d, this program reads up to %d; upgrade it", e.Version, Version)
}

// wireBatch is the JSON of version 1.
type wireBatch struct {
	Version      int     `json:"v"`
	Organization string  `json:"organization"`
	Directory    string  `json:"directory"`
	Usage        *Usage  `json:"usage,omitempty"`
	Entries      []Entry `json:"entries,omitempty"`
}

// Encode returns the wire form.
func Encode(b Batch) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // six bytes for one would have to be counted with
	if err := e.Encode(wireBatch{Version, b.Organization, b.Directory, b.Usage, b.Entries}); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Decode reads a batch of any version up to Version. Members that it does not
// know are skipped.
//
// Errors: ErrMalformed, *UnknownVersionError.
func Decode(data []byte) (Batch, error) {
	if len(data) > MaxBatch {
		return Batch{}, fmt.Errorf("%w: it has %d bytes", ErrMalformed, len(data))
	}
	var head struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return Batch{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch {
	case head.Version < 1:
		return Batch{}, fmt.Errorf("%w: it has no version", ErrMalformed)
	case head.Version > Version:
		return Batch{}, &UnknownVersionError{head.Version}
	}
	var w wireBatch
	if err := json.Unmarshal(data, &w); err != nil {
		return Batch{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if w.Directory == "" {
		return Batch{}, fmt.Errorf("%w: it names no directory", ErrMalformed)
	}
	for i := range w.Entries {
		e := &w.Entries[i]
		e.Organization, e.Directory, e.Count = w.Organization, w.Directory, max(e.Count, 1)
	}
	return Batch{w.Organization, w.Directory, w.Entries, w.Usage}, nil
}

// Subject is where a directory's batches are published.
func Subject(organization, directory string) string {
	return "requests." + organization + "." + directory
}
