//go:build !linux && !darwin && !freebsd

package embedded

import "errors"

// FreeDisk returns how many bytes an unprivileged process may still write to
// the file system of dir. On systems where it cannot be told, the error is
// errors.ErrUnsupported.
func FreeDisk(string) (int64, error) { return 0, errors.ErrUnsupported }
