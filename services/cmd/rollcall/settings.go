package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// settings are the flags that a config file sets: one JSON object, keyed by the
// flags' names. Underscores may stand for hyphens.
type settings map[string]any

// readSettings reads a config file.
func readSettings(r io.Reader) (kong.Resolver, error) {
	var raw map[string]any
	if err := json.NewDecoder(r).Decode(&raw); err != nil {
		return nil, fmt.Errorf("the config file is not a JSON object: %w", err)
	}
	s := settings{}
	for k, v := range raw {
		name := strings.ReplaceAll(k, "_", "-")
		if _, twice := s[name]; twice {
			return nil, fmt.Errorf("the config file sets %q twice", name)
		}
		s[name] = v
	}
	return s, nil
}

// Validate refuses keys that are no flag of any command: a typing error must not
// pass for a setting.
func (s settings) Validate(app *kong.Application) error {
	known := map[string]bool{}
	var collect func(n *kong.Node)
	collect = func(n *kong.Node) {
		for _, f := range n.Flags {
			known[f.Name] = true
		}
		for _, child := range n.Children {
			collect(child)
		}
	}
	collect(app.Node)
	var unknown []string
	for name := range s {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("the config file sets what is no flag: %s", strings.Join(unknown, ", "))
	}
	return nil
}

// Resolve implements kong.Resolver. Kong would have a file win over the
// environment.
func (s settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	return s[flag.Name], nil
}
