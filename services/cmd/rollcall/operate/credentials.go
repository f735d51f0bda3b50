package operate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// credentials is what login keeps.
type credentials struct {
	URL          string `json:"url"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

var errNoCredentials = errors.New("nobody is logged in")

// maxCredentials bounds the file, in bytes.
const maxCredentials = 64 << 10

// credentialsFile is below the user's configuration folder.
func credentialsFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder for credentials: %w", err)
	}
	return filepath.Join(dir, "rollcall", "credentials.json"), nil
}

// readCredentials reads what login kept. It refuses a file that others may read.
//
// Errors: errNoCredentials if there is none.
func readCredentials() (credentials, error) {
	var c credentials
	path, err := credentialsFile()
	if err != nil {
		return c, errNoCredentials
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, errNoCredentials
	}
	if err != nil {
		return c, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return c, fmt.Errorf("others may read %s: run \"chmod 600\" on it, or log in again", path)
	}
	if info.Size() > maxCredentials {
		return c, fmt.Errorf("%s is not a file of credentials: log in again", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil || c.URL == "" || c.ClientID == "" || c.ClientSecret == "" {
		return c, fmt.Errorf("%s is not a file of credentials: log in again", path)
	}
	return c, nil
}

// writeCredentials keeps credentials where only the user can read them. The file
// is there as a whole or not at all.
func writeCredentials(c credentials) (path string, err error) {
	if path, err = credentialsFile(); err != nil {
		return "", err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	b, err := json.MarshalIndent(c, "", "  ") //nolint:gosec // it is what the file is for
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, ".credentials-*") // with mode 0600
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(f.Name()) }() // there only if something failed
	_, err = f.Write(append(b, '\n'))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return path, os.Rename(f.Name(), path)
}
