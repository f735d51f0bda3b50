package operate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/term"
)

type loginCmd struct {
	Server
}

// Help is shown by kong.
func (loginCmd) Help() string {
	return `Checks the credentials with the server, and keeps them in a file that only you can read. Without --client-secret the secret
is asked for, or read from standard input. The other commands then need neither flags nor environment, and send what is
kept to that server only.`
}

// Run keeps credentials that the server accepts.
func (c *loginCmd) Run(ctx context.Context, s *Server, out *Output) error {
	if s.ClientID == "" {
		return errors.New("--client-id is required: the first one is printed at the first start of the server")
	}
	if s.ClientSecret == "" {
		secret, err := askSecret(ctx, out, s.ClientID)
		if err != nil {
			return err
		}
		s.ClientSecret = secret
	}
	g, err := s.connect(ctx)
	if err != nil {
		return err
	}
	path, err := writeCredentials(credentials{URL: s.URL, ClientID: s.ClientID, ClientSecret: s.ClientSecret})
	if err != nil {
		return fmt.Errorf("keep the credentials: %w", err)
	}
	return done(s, out, "Logged in to %s as %s (%s). Kept in %s.", s.URL, s.ClientID, scopesOf(g), path)
}

// maxSecret bounds a secret that is typed, in bytes.
const maxSecret = 4 << 10

// askSecret reads a secret without showing it, if somebody types it.
func askSecret(ctx context.Context, out *Output, client string) (string, error) {
	if f, ok := out.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(out.Stderr, "Secret of %s: ", printable(client))
		before, err := term.GetState(int(f.Fd()))
		if err != nil {
			return "", err
		}
		secret, err := typed(ctx, func() (string, error) {
			b, err := term.ReadPassword(int(f.Fd()))
			return string(b), err
		})
		_ = term.Restore(int(f.Fd()), before) // after ctrl-C it would show nothing that is typed
		fmt.Fprintln(out.Stderr)
		return strings.TrimSpace(secret), err
	}
	line, err := bufio.NewReader(io.LimitReader(out.Stdin, maxSecret)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", errors.New("standard input holds no secret; give --client-secret or ROLLCALL_CLIENT_SECRET")
	}
	return line, nil
}

// scopesOf lists what a token is good for, without what every token has.
func scopesOf(g *grant) string {
	return strings.TrimSpace(strings.TrimPrefix(g.Scope, "openid"))
}

type logoutCmd struct{}

// Run forgets what login kept.
func (logoutCmd) Run(out *Output) error {
	path, err := credentialsFile()
	if err != nil {
		return err
	}
	switch err := os.Remove(path); {
	case errors.Is(err, fs.ErrNotExist):
		_, err = fmt.Fprintln(out.Stdout, "Nobody was logged in.")
		return err
	case err != nil:
		return err
	}
	_, err = fmt.Fprintln(out.Stdout, "Logged out.")
	return err
}

type whoamiCmd struct {
	Server
}

// Run shows who the server takes the commands for.
func (whoamiCmd) Run(ctx context.Context, s *Server, out *Output) error {
	g, err := s.connect(ctx)
	if err != nil {
		return err
	}
	if s.JSON {
		return out.json(map[string]any{"url": s.URL, "client_id": s.ClientID, "scopes": strings.Fields(scopesOf(g))})
	}
	_, err = fmt.Fprintf(out.Stdout, "%s at %s, with the scopes %s\n", printable(s.ClientID), printable(s.URL), scopesOf(g))
	return err
}
