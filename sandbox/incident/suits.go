package incident

import "payops-mcp/sandbox/stack"

// Suits reports whether the incident can happen to a stack and be seen there. In a
// living one a state that is only shown does not last: what goes on changes it.
func (i Incident) Suits(s *stack.Stack) bool {
	if i.Needs(s) != nil {
		return false
	}
	living := s.Has(stack.PartPaysim)
	return i.Living() == living || living && i.quiet()
}
