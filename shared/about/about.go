// Package about is what a server says of itself: the settings in effect and the
// meaning of every finding. Both are resources of each server, for people who
// attach them, and tools of one server, for models, which never read a resource
// unasked.
package about

import (
	"regexp"

	"payops-mcp/shared/env"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/tool"
)

// Resources are the documents that every server has.
func Resources(values []env.Value) []tool.Resource {
	return []tool.Resource{settings(values), findings(), finding()}
}

// credentials are what stands before the @ of a URL.
var credentials = regexp.MustCompile(`://[^/?#\s,]*@`)

// shown is a setting's value without what authenticates.
func shown(v env.Value) string {
	return foreign.Clean(credentials.ReplaceAllString(v.Value, "://***@"), foreign.MaxText)
}
