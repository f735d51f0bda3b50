package events

import (
	"bytes"
	"encoding/json"
	"errors"
)

// documented is a payload that carries a canonical JSON document.
type documented interface {
	// document returns the document, and the payload with placeholder in its
	// place.
	document() (json.RawMessage, Payload)
}

// placeholder stands for a document while the payload around it is written.
var placeholder = json.RawMessage("0")

// documentField is how the placeholder looks in a payload. Quotes inside texts
// are escaped, so nothing else looks like it.
var documentField = []byte(`"attributes":0`)

var errDocument = errors.New("the attributes are not one JSON object")

// encode writes a payload as JSON. A canonical document is put in as it is:
// encoding/json would scan it once more, which is most of what an event costs.
func encode(p Payload) ([]byte, error) {
	var document json.RawMessage
	if d, ok := p.(documented); ok {
		document, p = d.document()
	}
	var b bytes.Buffer
	b.Grow(256 + len(document))
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return nil, err
	}
	out := bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
	if document == nil {
		return out, nil
	}
	i := bytes.Index(out, documentField)
	if i < 0 || document[0] != '{' || valueEnd(document, 0) != len(document) {
		return nil, errDocument
	}
	i += len(documentField) - 1
	tail := len(out) - i - 1
	out = append(out, document[:len(document)-1]...) // grows by all but the placeholder's byte
	copy(out[i+len(document):], out[i+1:i+1+tail])
	copy(out[i:], document)
	return out, nil
}

// document implements documented.
func (u UserCreated) document() (json.RawMessage, Payload) {
	d := u.Attributes
	if len(d) > 0 {
		u.Attributes = placeholder
	}
	return d, u
}

// document implements documented.
func (u UserUpdated) document() (json.RawMessage, Payload) {
	d := u.Attributes
	if len(d) > 0 {
		u.Attributes = placeholder
	}
	return d, u
}
