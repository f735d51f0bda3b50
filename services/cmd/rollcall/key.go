package main

import (
	"context"
	"fmt"

	"github.com/rollcallhq/rollcall/pkg/seal"
)

// keyCmd makes a master key file.
type keyCmd struct {
	File string `arg:"" help:"File to make; one that is there is left as it is." type:"path"`
}

// Run makes the file, readable by its owner only.
func (c *keyCmd) Run(_ context.Context, out *output) error {
	if exists(c.File) {
		if _, err := seal.Load(c.File); err != nil {
			return err
		}
		fmt.Fprintf(out.stdout, "%s holds a master key already.\n", c.File)
		return nil
	}
	if _, err := seal.LoadOrCreate(c.File); err != nil {
		return err
	}
	fmt.Fprintf(out.stdout, "Made the master key %s. Keep a copy: without it, webhook secrets cannot be read again.\n", c.File)
	return nil
}
