package api

import (
	"strings"
	"unicode/utf8"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// maxID is the declared limit of most ids, in characters.
const maxID = 32

// checkID refuses an id that is missing, longer than most, or without the
// declared prefix; an empty prefix is not asked for.
func checkID(field, id, prefix string, most int) error {
	switch {
	case id == "":
		return fault.New(fault.Invalid, "%s is required.", field)
	case utf8.RuneCountInString(id) > most:
		return fault.New(fault.Invalid, "%s has more than %d characters.", field, most)
	case !strings.HasPrefix(id, prefix):
		return fault.New(fault.Invalid, "%s must begin with %s.", field, prefix)
	}
	return nil
}

// maxExternalID bounds an external id in characters, wherever it is looked up.
const maxExternalID = 200

// checkIdentity refuses a request that names its organization in neither way.
func checkIdentity(field, id, externalID string) error {
	if id == "" && externalID == "" {
		return fault.New(fault.Invalid, "%s or external_id is required.", field)
	}
	if id != "" {
		return checkID(field, id, "", maxID)
	}
	return checkID("external_id", externalID, "", maxExternalID)
}

// pageSize returns the size to use: usual if none is asked for.
func pageSize[N uint32 | int32](asked N, usual, most int) (int, error) {
	switch {
	case asked == 0:
		return usual, nil
	case asked < 0 || int64(asked) > int64(most):
		return 0, fault.New(fault.Invalid, "page_size must be 1 to %d.", most)
	}
	return int(asked), nil
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
