package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/seal"
)

func keys(t rapid.TB, masters ...byte) *seal.Keys {
	t.Helper()
	var list [][]byte
	for _, m := range masters {
		list = append(list, bytes.Repeat([]byte{m}, seal.KeySize))
	}
	k, err := seal.New(list...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSeal_opensAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := keys(t, 1)
		plain := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "plain")
		sealed := k.Seal(seal.WebhookSecret, plain)
		got, err := k.Open(seal.WebhookSecret, sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("opened %x, %v; want %x", got, err, plain)
		}
		if len(plain) >= 8 && bytes.Contains(sealed, plain) {
			t.Fatal("the sealed value shows the plain one")
		}
		if bytes.Equal(sealed, k.Seal(seal.WebhookSecret, plain)) {
			t.Fatal("sealing twice gave the same bytes")
		}
	})
}

func TestOpen_refusesEveryChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := keys(t, 1)
		sealed := k.Seal(seal.SigningKey, []byte("the private half"))
		at := rapid.IntRange(0, len(sealed)-1).Draw(t, "at")
		sealed[at] ^= rapid.ByteRange(1, 255).Draw(t, "with")
		if _, err := k.Open(seal.SigningKey, sealed); !errors.Is(err, seal.ErrDamaged) && !errors.Is(err, seal.ErrUnknownKey) {
			t.Fatalf("a change of byte %d: %v", at, err)
		}
		if _, err := k.Open(seal.SigningKey, sealed[:at]); !errors.Is(err, seal.ErrDamaged) && !errors.Is(err, seal.ErrUnknownKey) {
			t.Fatalf("cut at %d: %v", at, err)
		}
	})
}

func TestOpen_otherPurpose(t *testing.T) {
	t.Parallel()
	k := keys(t, 1)
	if _, err := k.Open(seal.WebhookSecret, k.Seal(seal.SigningKey, []byte("x"))); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("%v, want ErrDamaged", err)
	}
}

func TestOpen_afterRotation(t *testing.T) {
	t.Parallel()
	old, both := keys(t, 1), keys(t, 2, 1)
	sealed := old.Seal(seal.WebhookSecret, []byte("x"))
	if got, err := both.Open(seal.WebhookSecret, sealed); err != nil || string(got) != "x" {
		t.Errorf("an old value: %q, %v", got, err)
	}
	if _, err := old.Open(seal.WebhookSecret, both.Seal(seal.WebhookSecret, []byte("x"))); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("a new value with the old key only: %v, want ErrUnknownKey", err)
	}
}

func TestNew_refuses(t *testing.T) {
	t.Parallel()
	if _, err := seal.New(); err == nil {
		t.Error("no key was accepted")
	}
	if _, err := seal.New(make([]byte, 16)); err == nil {
		t.Error("a key of 16 bytes was accepted")
	}
}
