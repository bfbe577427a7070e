package tool_test

import (
	"bytes"
	"context"
	"testing"

	"payops-mcp/shared/report"
	"payops-mcp/shared/tool"
	"payops-mcp/shared/tooltest"
)

// A picture comes beside both forms of the answer, not in their place.
func TestAPictureIsSentAsAnImage(t *testing.T) {
	t.Parallel()
	data := []byte("\x89PNG\r\n\x1a\n\x00\xff")
	draw := tool.Read(tool.Spec{Name: "draw_test", Title: "Draw", Description: "Draws."},
		func(context.Context, struct{}) (report.Answer[struct{}], error) {
			return report.Answer[struct{}]{Summary: "drawn", Verdict: "ok", Pictures: []report.Picture{{MIME: "image/png", Data: data}}}, nil
		})
	r := tooltest.New(t, draw).Call(t, "draw_test", nil)
	if len(r.Pictures) != 1 || r.Pictures[0].MIME != "image/png" || !bytes.Equal(r.Pictures[0].Data, data) {
		t.Errorf("pictures %+v", r.Pictures)
	}
	if tooltest.Decode[struct{}](t, r).Summary != "drawn" || r.Text == "" {
		t.Errorf("the answer beside the picture: %q, %s", r.Text, r.Structured)
	}
}
