package tool

// Argument is what documentation says of one argument.
type Argument struct {
	Name        string
	Description string
	Want        string // what is taken, in words: "a whole number of 1 to 200"
	Default     string // as JSON; empty for none
	Required    bool
}

// Arguments lists the arguments in the order of the tool's In.
func (t Tool) Arguments() []Argument {
	all := make([]Argument, len(t.schema.names))
	for i, name := range t.schema.names {
		p := t.schema.props[name]
		all[i] = Argument{Name: name, Description: p.schema.Description, Want: p.want(), Default: string(p.schema.Default), Required: p.required}
	}
	return all
}
