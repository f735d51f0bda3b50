package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"

	"github.com/rollcallhq/rollcall/pkg/seal"
)

// configCmd groups what is about configurations.
type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Check flags, environment and config file of serve, without starting it."`
}

// configCheckCmd takes the same flags as serve; parsing has checked most.
type configCheckCmd struct {
	serveCmd
}

// Run checks what parsing cannot.
func (c *configCheckCmd) Run(_ context.Context, out *output) error {
	var errs []error
	if c.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); err != nil {
			errs = append(errs, err)
		}
	}
	if f := c.masterKeyFile(); exists(f) {
		if _, err := seal.Load(f); err != nil {
			errs = append(errs, err)
		}
	} else if c.MasterKeyFile != "" {
		errs = append(errs, fmt.Errorf("the master key file %s does not exist", f))
	}
	if info, err := os.Stat(c.Data); err == nil && !info.IsDir() {
		errs = append(errs, fmt.Errorf("--data %s is not a folder", c.Data))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Fprintln(out.stdout, "The configuration is fine.")
	return nil
}
