package temporalx

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

const (
	encodingKey  = "encoding"
	encoding     = "binary/habeas-1"
	keyIDKey     = "habeas-key"
	codecKeySize = 32
)

// codec encrypts every payload that Temporal stores, with AES-256-GCM. It is a
// second line: payloads hold no personal data to begin with.
type codec struct {
	aead  cipher.AEAD
	keyID string
}

func newCodec(secret []byte, keyID string) (*codec, error) {
	if len(secret) != codecKeySize {
		return nil, errors.New("the payload key has the wrong length")
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("preparing the payload key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("preparing the payload key: %w", err)
	}
	return &codec{aead, keyID}, nil
}

var _ converter.PayloadCodec = (*codec)(nil)

// Encode implements [converter.PayloadCodec].
func (c *codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encoding a payload: %w", err)
		}
		nonce := make([]byte, c.aead.NonceSize(), c.aead.NonceSize()+len(plain)+c.aead.Overhead())
		// crypto/rand.Read never fails since Go 1.24: it ends the program instead.
		_, _ = rand.Read(nonce)
		out[i] = &commonpb.Payload{
			Metadata: map[string][]byte{encodingKey: []byte(encoding), keyIDKey: []byte(c.keyID)},
			Data:     c.aead.Seal(nonce, nonce, plain, []byte(encoding)),
		}
	}
	return out, nil
}

// Decode implements [converter.PayloadCodec]. Payloads of others are refused.
func (c *codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if string(p.Metadata[encodingKey]) != encoding {
			// Whoever can reach Temporal but has no master key must not be able to say
			// that a request was confirmed.
			return nil, errors.New("a payload is not encrypted: it does not come from this installation")
		}
		if key := string(p.Metadata[keyIDKey]); key != c.keyID {
			return nil, fmt.Errorf("a payload was encrypted under master key %s, this program has %s", key, c.keyID)
		}
		if len(p.Data) < c.aead.NonceSize() {
			return nil, errors.New("a payload is damaged")
		}
		nonce, body := p.Data[:c.aead.NonceSize()], p.Data[c.aead.NonceSize():]
		plain, err := c.aead.Open(nil, nonce, body, []byte(encoding))
		if err != nil {
			return nil, errors.New("a payload is damaged or was encrypted under another key")
		}
		out[i] = &commonpb.Payload{}
		if err := proto.Unmarshal(plain, out[i]); err != nil {
			return nil, fmt.Errorf("decoding a payload: %w", err)
		}
	}
	return out, nil
}
