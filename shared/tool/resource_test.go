package tool_test

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/tool"
	"payops-mcp/shared/tooltest"
)

func document(uri string, read func(context.Context, map[string]string) (string, error)) tool.Resource {
	return tool.Resource{URI: uri, Name: "doc " + uri, Title: "Document", Description: "A document.", MIMEType: "text/markdown", Read: read}
}

func TestResourcesAreListedAndRead(t *testing.T) {
	c := tooltest.NewWith(t, 60000,
		document("doc://one", func(context.Context, map[string]string) (string, error) { return "# One\n", nil }),
		document("doc://{id}", func(_ context.Context, vars map[string]string) (string, error) {
			if vars["id"] == "gone" {
				return "", fault.New(fault.NotFound, "Read doc://one", "there is no document %q", vars["id"])
			}
			return "you asked for " + vars["id"], nil
		}))
	list, templates := c.Resources(t)
	if len(list) != 1 || list[0].URI != "doc://one" || list[0].Title != "Document" || list[0].Description == "" || list[0].MIMEType != "text/markdown" {
		t.Errorf("listed: %+v", list)
	}
	if len(templates) != 1 || templates[0].URITemplate.Raw() != "doc://{id}" || templates[0].Title != "Document" {
		t.Errorf("templates: %+v", templates)
	}
	for uri, want := range map[string]string{"doc://one": "# One\n", "doc://a%20b": "you asked for a b", "doc://%EA%B2%B0%EC%A0%9C": "you asked for 결제"} {
		if text, mime, err := c.Read(t, uri); err != nil || text != want || mime != "text/markdown" {
			t.Errorf("%s: %q %q %v", uri, text, mime, err)
		}
	}
	if _, _, err := c.Read(t, "doc://gone"); err == nil || !strings.Contains(err.Error(), "Read doc://one") {
		t.Errorf("a missing document: %v", err)
	}
	if _, _, err := c.Read(t, "other://x"); err == nil {
		t.Error("a resource that does not exist was read")
	}
}

func TestResourceFailsInTimeAndKeepsSecrets(t *testing.T) {
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	c := tooltest.NewWith(t, 60000,
		document("doc://panics", func(context.Context, map[string]string) (string, error) { panic("password=hunter2") }),
		document("doc://hangs", func(context.Context, map[string]string) (string, error) { <-never; return "", nil }))
	if _, _, err := c.Read(t, "doc://panics"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a panic: %v", err)
	}
	if _, _, err := c.Read(t, "doc://hangs"); err == nil || !strings.Contains(err.Error(), "time allowed") {
		t.Errorf("a document that does not come: %v", err)
	}
}

func TestResourceIsCappedAndSaysSo(t *testing.T) {
	whole := map[string]string{"doc://lines": strings.Repeat("a line\n", 2000), "doc://one": strings.Repeat("결", 4000)}
	var all []tool.Resource
	for uri, text := range whole {
		all = append(all, document(uri, func(context.Context, map[string]string) (string, error) { return text, nil }))
	}
	c := tooltest.NewWith(t, 5000, all...)
	for uri := range whole {
		text, _, err := c.Read(t, uri)
		if err != nil || len(text) > 5000 || len(text) < 4800 || !utf8.ValidString(text) || !strings.Contains(text, "(cut: the document has") {
			t.Errorf("%s: %d bytes, %v, end %q", uri, len(text), err, text[max(len(text)-80, 0):])
		}
	}
}

func TestIncompleteResourcePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a resource without a description was served")
		}
	}()
	r := document("doc://x", nil)
	r.Description = ""
	tooltest.NewWith(t, 60000, r)
}
