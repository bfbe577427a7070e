package mcp

import (
	"context"

	"payops-mcp/bench/internal/programs"
	"payops-mcp/bench/internal/subject"
	"payops-mcp/bench/internal/tokens"
)

// sizes measures what each conversation pays for the tools before the first call,
// what an answer adds, and the programs.
func (b *bench) sizes(ctx context.Context) error {
	for _, s := range b.servers {
		if err := b.sizesOf(ctx, s); err != nil {
			return err
		}
	}
	for _, name := range b.names() {
		size, err := programs.Size(b.program[name])
		if err != nil {
			return err
		}
		b.figures.Add("program", name, "MB", float64(size)/mega)
	}
	return nil
}

func (b *bench) sizesOf(ctx context.Context, s server) error {
	p, _, err := subject.Start(ctx, b.program[s.name], s.from(b.healthy))
	if err != nil {
		return err
	}
	defer p.Kill()
	n, list, err := p.Tools(ctx)
	if err != nil {
		return err
	}
	count, err := tokens.Count(list)
	if err != nil {
		return err
	}
	b.figures.Add("tools/list", s.name, "bytes", float64(len(list))).Says("%d tools", n)
	b.figures.Add("tools/list", s.name, "tokens", float64(count)).Says("%s, as %d bytes", tokens.Encoding, len(list))
	if b.healthy == nil {
		b.figures.Skip("an answer's text", s.name, "tokens", b.why)
		return nil
	}
	a, err := s.ask(ctx, p)
	if err != nil {
		return err
	}
	if count, err = tokens.Count(a.Text); err != nil {
		return err
	}
	b.figures.Add("an answer's text", s.name, "tokens", float64(count)).Says("%s, as %d bytes", s.question.Tool, len(a.Text))
	return nil
}
