package asyncapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/events/public"
)

var (
	timeType = reflect.TypeFor[time.Time]()
	rawType  = reflect.TypeFor[json.RawMessage]()
)

// schemas collects the forms of Go structs as encoding/json writes them.
type schemas struct{ components object }

// envelope is the form of the whole body of a type.
func (s *schemas) envelope(t public.Type) object {
	data, ok := payloads[t]
	if !ok {
		panic(fmt.Sprintf("asyncapi: the data of %s has no struct in payloads", t)) // a test holds that all are there
	}
	o := s.structure(reflect.TypeFor[public.Event]())
	members := o["properties"].(object) //nolint:errcheck // structure's
	members["spec_version"] = object{"const": "1"}
	members["id"] = object{"type": "string", "pattern": idPattern}
	members["type"] = object{"const": string(t)}
	members["object"] = object{"const": t.Object()}
	members["display_name"] = object{"const": t.Display()}
	members["data"] = s.of(reflect.TypeOf(data))
	return o
}

// of returns the form of a type; that of a struct by reference.
func (s *schemas) of(t reflect.Type) object {
	switch t {
	case timeType:
		return object{"type": "string", "format": "date-time"}
	case rawType:
		return object{"type": "object", "description": "As the provider sent it."}
	}
	switch t.Kind() { //nolint:exhaustive // public events have no others
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Interface:
		return object{}
	case reflect.Struct:
		if s.components[t.Name()] == nil {
			s.components[t.Name()] = s.structure(t)
		}
		return ref("schemas", t.Name())
	}
	panic(fmt.Sprintf("asyncapi: there is no form for %s", t)) // a test builds the document
}

func (s *schemas) structure(t reflect.Type) object {
	members, required := object{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		tag, ok := f.Tag.Lookup("json")
		if !ok {
			continue // embedded: its fields come by themselves
		}
		name, options, _ := strings.Cut(tag, ",")
		form := s.of(f.Type)
		if options != "omitempty" {
			required = append(required, name)
			if f.Type.Kind() == reflect.Pointer {
				form["type"] = []any{form["type"], "null"} // pointers to texts only
			}
		}
		members[name] = form
	}
	return object{"type": "object", "properties": members, "required": required}
}
