package mailin

import (
	"errors"

	"github.com/emersion/go-sasl"
)

// XOAuth2 is the SASL client for the OAuth 2.0 logins of Microsoft 365 and
// Gmail (https://developers.google.com/gmail/imap/xoauth2-protocol). For use
// in [Config.SASL], with a token that is fresh for each connection.
func XOAuth2(username, accessToken string) sasl.Client {
	return xoauth2{username, accessToken}
}

type xoauth2 struct{ username, token string }

// Start returns the initial response.
func (x xoauth2) Start() (mechanism string, response []byte, err error) {
	return "XOAUTH2", []byte("user=" + x.username + "\x01auth=Bearer " + x.token + "\x01\x01"), nil
}

var errLateChallenge = errors.New("the mail server asked for more than XOAUTH2 knows")

// Next answers the one challenge there can be, which holds the reason of a
// refusal, with an empty response; the server then refuses the login.
func (x xoauth2) Next(challenge []byte) ([]byte, error) {
	if len(challenge) == 0 {
		return nil, errLateChallenge
	}
	return []byte{}, nil
}
