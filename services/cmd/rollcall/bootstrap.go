package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/seal"
	"github.com/rollcallhq/rollcall/services/projector/api"
)

// bootstrap makes the environment, its first API client and its signing key, if
// the log has none. The secret is printed once, if it was not given.
func bootstrap(ctx context.Context, out *output, to submitter, keys *seal.Keys, f clientFlags) error {
	secret := credential.Of(f.ClientSecret)
	if f.ClientSecret == "" {
		secret = credential.New(credential.PrefixClient)
	}
	public, sealed, err := api.NewSigningKey(keys)
	if err != nil {
		return fmt.Errorf("make the signing key: %w", err)
	}
	var id [16]byte
	_, _ = rand.Read(id[:])
	res, err := to.Submit(ctx, directory.Request{ID: hex.EncodeToString(id[:]), Actor: "system", Command: directory.Bootstrap{
		ClientID: f.ClientID, SecretHash: secret.Hash, SecretSuffix: secret.Suffix, Public: public, Sealed: sealed,
	}})
	if err != nil {
		return fmt.Errorf("make the first API client: %w", err)
	}
	if !res.Changed || f.ClientSecret != "" {
		return nil
	}
	client := f.ClientID
	if client == "" {
		client, err = firstClient(res.Key)
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(out.stdout, "\nThe first API client, shown this once:\n\n  client id      %s\n  client secret  %s\n\n", client, secret.Plain)
	return nil
}

// firstClient returns the id of the client that was minted with the
// environment: its event follows the environment's.
func firstClient(environment directory.Key) (string, error) {
	var n uint64
	id := strings.TrimPrefix(environment.Last(), directory.PrefixEnvironment)
	if _, err := fmt.Sscanf(id, "%d", &n); err != nil {
		return "", fault.Wrap(fault.Internal, err, "The environment's id has no number.")
	}
	return directory.FormatID(directory.PrefixClient, n+1), nil
}
