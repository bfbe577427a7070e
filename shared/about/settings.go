package about

import (
	"context"
	"fmt"
	"strings"

	"payops-mcp/shared/env"
	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
)

const settingsURI = "payops://config"

func settings(values []env.Value) tool.Resource {
	return tool.Resource{
		URI: settingsURI, Name: "config", Title: "Settings in effect", MIMEType: "text/markdown",
		Description: "What this server is set to, and from where; secrets are hidden.",
		Read: func(context.Context, map[string]string) (string, error) {
			var b strings.Builder
			b.WriteString("# Settings in effect\n\n| setting | value | from |\n|---|---|---|\n")
			for _, v := range values {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", v.Name, strings.ReplaceAll(shown(v), "|", `\|`), v.From)
			}
			return b.String(), nil
		},
	}
}

type showConfigIn struct{}

// setting is a row of show_config.
type setting struct {
	Name  string `json:"setting"`
	Value string `json:"value"`
	From  string `json:"from"`
}

type showConfigOut struct {
	Settings []setting `json:"settings"`
}

// ShowConfig is the tool twin of the settings.
func ShowConfig(values []env.Value) tool.Tool {
	return tool.Read(tool.Spec{
		Name: "show_config", Title: "Show the settings in effect",
		Description: "What this server is set to and from where (environment, file, default), secrets hidden. " +
			"For when an answer names a wrong address, limit or time zone; the other servers have theirs as resource " + settingsURI + ".",
		Examples: []string{`{}`},
	}, func(context.Context, showConfigIn) (report.Answer[showConfigOut], error) {
		a := report.Answer[showConfigOut]{Data: showConfigOut{Settings: []setting{}}}
		set := 0
		for _, v := range values {
			if v.From != "default" && v.From != "unset" {
				set++
			}
			a.Data.Settings = append(a.Data.Settings, setting{v.Name, shown(v), v.From})
		}
		a.Summary = fmt.Sprintf("%d settings, %d of them set, the others as they come", len(values), set)
		a.Conclude()
		return a, nil
	})
}
