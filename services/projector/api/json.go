package api

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// jsonForm is REST's JSON: names as in the .proto files, lists and plain values
// also when they are empty, unknown fields ignored.
//
// protojson ignores unknown names of enum values along with unknown fields, so
// that a misspelt one would read as unset; those are looked for beforehand.
type jsonForm struct{ runtime.JSONPb }

func newJSON() *jsonForm {
	return &jsonForm{runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true},
		UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: true},
	}}
}

// Unmarshal reads a request or the part of one that is the body.
func (j *jsonForm) Unmarshal(data []byte, v any) error {
	var raw any
	if err := json.Unmarshal(data, &raw); err != nil {
		return fault.New(fault.Invalid, "The body is not valid JSON: %v.", err)
	}
	if d := descriptorOf(v); d != nil {
		if err := knownEnums(d, raw, 0); err != nil {
			return err
		}
	}
	if err := j.JSONPb.Unmarshal(data, v); err != nil {
		return fault.New(fault.Invalid, "The body does not have the form of this call's request: %s.", plain(err))
	}
	return nil
}

// plain is protojson's text without its prefix, whose white space it varies.
func plain(err error) string {
	return strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
}

// NewDecoder reads one document; the gateway takes io.EOF for an empty body.
func (j *jsonForm) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(data)) == 0 {
			return io.EOF
		}
		return j.Unmarshal(data, v)
	})
}

// descriptorOf finds the message behind v, which the gateway also gives as a
// pointer to a field that is a nil message.
func descriptorOf(v any) protoreflect.MessageDescriptor {
	if m, ok := v.(proto.Message); ok {
		return m.ProtoReflect().Descriptor()
	}
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer {
		return nil
	}
	m, ok := reflect.Zero(t.Elem()).Interface().(proto.Message)
	if !ok {
		return nil
	}
	return m.ProtoReflect().Descriptor()
}

// maxDepth bounds how deep knownEnums looks; protojson itself refuses deeper
// nesting of messages.
const maxDepth = 100

// knownEnums refuses names that an enum does not have.
func knownEnums(d protoreflect.MessageDescriptor, raw any, depth int) error {
	object, ok := raw.(map[string]any)
	if !ok || depth > maxDepth {
		return nil
	}
	for name, value := range object {
		f := d.Fields().ByName(protoreflect.Name(name))
		if f == nil {
			f = d.Fields().ByJSONName(name)
		}
		if f == nil || f.IsMap() {
			continue // no map of ours has enums or messages
		}
		items, isList := value.([]any)
		if !isList {
			items = []any{value}
		}
		for _, item := range items {
			switch {
			case f.Message() != nil:
				if err := knownEnums(f.Message(), item, depth+1); err != nil {
					return err
				}
			case f.Enum() != nil:
				if s, ok := item.(string); ok && f.Enum().Values().ByName(protoreflect.Name(s)) == nil {
					return fault.New(fault.Invalid, "%s has no value %q.", f.Name(), s)
				}
			}
		}
	}
	return nil
}
