package foreign

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"strings"
)

// hidden stands where a secret was.
const hidden = "(hidden)"

// shortest is from how many bytes on a secret is looked for: a shorter one would
// be found in every word, and what was taken out would tell it.
const shortest = 4

// HideCredentials takes what an Authorization header authenticates with out of
// what came back: error pages and echoing proxies repeat the header they were sent.
func HideCredentials(body []byte, authorization string) []byte {
	kind, credential, _ := strings.Cut(authorization, " ")
	secrets := []string{credential}
	if kind == "Basic" {
		plain, _ := base64.StdEncoding.DecodeString(credential)
		_, password, _ := strings.Cut(string(plain), ":")
		secrets = append(secrets, string(plain), password)
	}
	for _, s := range secrets {
		if len(s) >= shortest {
			body = bytes.ReplaceAll(body, []byte(s), []byte(hidden))
		}
	}
	return body
}

// Place is where a URL points, without user, password, query and fragment, which
// may hold secrets.
func Place(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that is none"
	}
	u.User, u.RawQuery, u.Fragment, u.RawFragment = nil, "", "", ""
	return u.String()
}
