// Command kit is the least that a server on the shared kit can be: one tool that
// does a single HTTP GET and says what it found. Beside the floor it shows what
// the kit itself costs.
package main

import (
	"context"
	"io"
	"net/http"
	"time"

	"payops-mcp/shared/catalog"
	"payops-mcp/shared/env"
	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
	"payops-mcp/shared/report"
	"payops-mcp/shared/serve"
	"payops-mcp/shared/tool"
)

type config struct {
	env.Common
	URL string `env:"KIT_GET_URL" help:"what the tool asks for"`
}

type pageIn struct {
	Limit int `json:"limit,omitempty" jsonschema:"characters of the page to show" default:"200" min:"1" max:"200"`
}

type pageData struct {
	Page foreign.Text `json:"page"`
}

func main() {
	c := &config{}
	serve.Main(serve.App{
		Name: "kit", Title: "Kit", Description: "One HTTP GET.", Config: c, Common: &c.Common,
		Build: func([]env.Value) serve.Parts {
			return serve.Parts{Tools: []tool.Tool{tool.Read(tool.Spec{
				Name: "get_page", Title: "Page", Description: "What one HTTP GET brings.", Examples: []string{`{}`},
			}, c.page)}}
		},
	})
}

func (c *config) page(ctx context.Context, in pageIn) (report.Answer[pageData], error) {
	start := time.Now()
	body, err := c.get(ctx)
	if err != nil {
		return report.Answer[pageData]{}, err
	}
	a := report.Answer[pageData]{
		Summary: "the page answers",
		Sources: []fault.Source{{Name: "page", Took: time.Since(start)}},
		Data:    pageData{Page: foreign.Text(body[:min(len(body), in.Limit)])},
	}
	a.Conclude(catalog.SrcAPIUnreachable)
	return a, nil
}

func (c *config) get(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", &fault.Failure{Class: fault.Unreachable, Said: foreign.Text(err.Error()), Err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}
