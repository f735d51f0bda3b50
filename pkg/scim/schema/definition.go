package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// Bounds of the extensions that a directory may register.
const (
	// MaxDefinition is how many bytes the JSON of a definition may have, as it is
	// sent and as it is served.
	MaxDefinition = 64 << 10
	// MaxAttributes is how many attributes a definition may have.
	MaxAttributes = 100
	// MaxSubAttributes is how many sub-attributes an attribute may have.
	MaxSubAttributes = 50
	// MaxExtensions is how many extensions With adds to a kind of resource.
	MaxExtensions = 10
	// MaxURN is how many bytes a definition's URN may have.
	MaxURN = 200
	// MaxAttributeName is how many bytes an attribute's name may have.
	MaxAttributeName = 64

	maxText   = 1000 // characters of a description
	maxValues = 100  // canonical values, reference types
	maxValue  = 256  // characters of a canonical value
)

// definition is a schema as RFC 7643 section 7 writes it. What may be left out
// is a pointer.
type definition struct {
	Schemas     []string              `json:"schemas"`
	ID          string                `json:"id"`
	Name        string                `json:"name"`
	Description string                `json:"description"`
	Attributes  []attributeDefinition `json:"attributes"`
	Meta        json.RawMessage       `json:"meta"`
}

type attributeDefinition struct {
	Name            string                `json:"name"`
	Type            *string               `json:"type"`
	MultiValued     bool                  `json:"multiValued"`
	Description     string                `json:"description"`
	Required        bool                  `json:"required"`
	CaseExact       bool                  `json:"caseExact"`
	Mutability      *string               `json:"mutability"`
	Returned        *string               `json:"returned"`
	Uniqueness      *string               `json:"uniqueness"`
	CanonicalValues []string              `json:"canonicalValues"`
	ReferenceTypes  []string              `json:"referenceTypes"`
	SubAttributes   []attributeDefinition `json:"subAttributes"`
}

// Parse reads the definition of an extension in the JSON form of RFC 7643
// section 7. What is left out has the default of section 2.2; schemas and meta
// are passed over. What it returns serves as JSON again, and Parse reads that as
// the same.
//
// Beside what the RFC forbids, it refuses what the server would not hold to:
// uniqueness, which it does not enforce for extensions, and required attributes
// that nobody can give.
//
// Errors: Invalid, saying which attribute is wrong; TooLarge above MaxDefinition.
func Parse(body []byte) (*Schema, error) {
	if len(body) > MaxDefinition {
		return nil, fault.New(fault.TooLarge, "The definition of the extension has %d bytes; at most %d are allowed.", len(body), MaxDefinition)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	var d definition
	if err := dec.Decode(&d); err != nil {
		return nil, fault.New(fault.Invalid, "The definition of the extension is not understood: %s.", shape(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "The definition of the extension has more behind its JSON object.")
	}
	s := &Schema{ID: d.ID, Name: d.Name, Description: d.Description, Attributes: make([]*Attribute, 0, len(d.Attributes))}
	for _, a := range d.Attributes {
		s.Attributes = append(s.Attributes, a.attribute())
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if served, err := json.Marshal(s); err != nil || len(served) > MaxDefinition { // with its defaults it may be longer than it came
		return nil, fault.New(fault.TooLarge, "The definition of the extension has more than %d bytes with its defaults filled in.", MaxDefinition)
	}
	return s.index(s.ID + ":"), nil
}

// shape says what is wrong with the JSON of a definition.
func shape(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return e.Field + " cannot be a " + e.Value
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return "it breaks JSON's syntax"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	return "it has a member that RFC 7643 section 7 does not know, or is no JSON" // the decoder's own text quotes the input
}

func (d attributeDefinition) attribute() *Attribute {
	a := &Attribute{
		Name: d.Name, Type: Type(or(d.Type, string(String))), MultiValued: d.MultiValued, Description: d.Description, Required: d.Required, CaseExact: d.CaseExact,
		Mutability: or(d.Mutability, ReadWrite), Returned: or(d.Returned, Default), Uniqueness: or(d.Uniqueness, None),
		CanonicalValues: d.CanonicalValues, ReferenceTypes: d.ReferenceTypes,
	}
	if a.Type == Binary || a.Type == Reference {
		a.CaseExact = true // RFC 7643 sections 2.3.6 and 2.3.7, whatever the definition says
	}
	for _, s := range d.SubAttributes {
		a.SubAttributes = append(a.SubAttributes, s.attribute())
	}
	return a
}

func or(s *string, otherwise string) string {
	if s == nil {
		return otherwise
	}
	return *s
}
