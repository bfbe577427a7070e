package gate

// expr reads an expression. What binds closer to what does not matter here: the
// tokens are written in the order they stand in.
func (p *parser) expr() (v value) {
	p.nested(func() {
		for {
			for p.takeAny("NOT", "!") {
			}
			v = p.predicate()
			if !p.takeAny("AND", "OR", "XOR", "&&") {
				break
			}
			v = small
		}
		p.grow(v)
	})
	return v
}

// predicate reads comparisons of sums.
func (p *parser) predicate() value {
	v := p.sum()
	for {
		switch {
		case p.takeAny("=", "<=>", "<>", "!=", "<=", ">=", "<", ">"):
			if p.takeAny("ANY", "ALL", "SOME") {
				p.subquery()
			} else {
				p.sum()
			}
		case p.take("IS"):
			p.take("NOT")
			if !p.takeAny("NULL", "TRUE", "FALSE", "UNKNOWN") {
				p.unexpected("IS takes NULL, TRUE, FALSE or UNKNOWN")
			}
		case p.isAny("NOT", "IN", "BETWEEN", "LIKE", "REGEXP", "RLIKE"):
			p.take("NOT")
			p.condition(v)
		default:
			return v
		}
		v = small
		if p.refusal != nil {
			return v
		}
	}
}

func (p *parser) condition(subject value) {
	at := p.peek()
	switch {
	case p.take("IN"):
		if p.beginsQuery() && p.attempt(p.subquery) {
			return
		}
		p.want("(")
		p.list()
		p.want(")")
	case p.take("BETWEEN"):
		p.sum()
		p.want("AND")
		p.sum()
	case p.take("LIKE"):
		p.looksFor(at, p.sum())
		if p.take("ESCAPE") {
			p.text("ESCAPE takes a string")
		}
	case p.takeAny("REGEXP", "RLIKE"):
		p.sum()
		p.matches(at, subject)
	default:
		p.unexpected("wanted is IN, BETWEEN, LIKE or REGEXP")
	}
}

// matches judges what a regular expression is matched against.
func (p *parser) matches(at token, subject value) {
	if subject.chars == notKnown || subject.chars > maxNeedle {
		p.searches(at)
	}
}

// sum reads operands of arithmetic.
func (p *parser) sum() value {
	v := p.operand()
	for p.takeAny("+", "-", "*", "/", "%", "DIV", "MOD", "&", "|", "^", "<<", ">>") {
		if p.is("INTERVAL") {
			p.interval()
		} else {
			p.operand()
		}
		v = small
	}
	return v
}

// interval reads INTERVAL value unit.
func (p *parser) interval() {
	p.want("INTERVAL")
	p.expr()
	p.unit()
}

func (p *parser) unit() {
	if t := p.peek(); t.kind != word || !units[t.value] {
		p.unexpected("wanted is a unit: SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, YEAR …")
		return
	}
	p.take(p.peek().value)
}

func (p *parser) operand() (v value) {
	p.nested(func() {
		for p.takeAny("+", "-", "~", "BINARY") {
		}
		if p.is("INTERVAL") && p.attempt(p.intervalFirst) {
			v = small
			return
		}
		v = p.primary()
		for p.take("COLLATE") {
			p.name("wanted is a collation")
		}
	})
	return v
}

// intervalFirst reads INTERVAL 1 DAY + time.
func (p *parser) intervalFirst() {
	p.interval()
	p.want("+")
	p.operand()
}

func (p *parser) primary() value {
	t := p.peek()
	switch t.kind {
	case number, bytes:
		p.skip()
		p.write(" " + t.value)
		return value{factor: 1, chars: len(t.value)}
	case text:
		p.text("")
		return value{factor: 1, chars: len([]rune(t.value))}
	case sign:
		return p.parentheses()
	case word, name:
		return p.named(t)
	case endOfText:
	}
	p.unexpected("wanted is a value")
	return small
}

func (p *parser) parentheses() (v value) {
	if !p.is("(") {
		p.unexpected("wanted is a value")
		return small
	}
	if p.beginsQuery() && p.attempt(p.subquery) {
		return value{factor: 1, chars: notKnown}
	}
	p.write(" ")
	p.want("(")
	v = p.list()
	p.want(")")
	return v
}

// subquery reads (query).
func (p *parser) subquery() {
	p.write(" ")
	p.want("(")
	if !p.isAny("SELECT", "WITH", "(") {
		p.unexpected("wanted is SELECT")
	}
	p.query(false)
	p.want(")")
}

// list reads expressions with commas between them.
func (p *parser) list() value {
	v := p.expr()
	for p.take(",") {
		v = longest(v, p.expr())
	}
	return v
}

// named reads what begins with a word: a literal, a function, a column.
func (p *parser) named(t token) value {
	next := p.ahead(1)
	opens := next.kind == sign && next.value == "("
	switch {
	case t.kind == name && opens:
		p.refuse("a function in backticks, or one that is stored", "Write a function of MariaDB's without backticks")
		return small
	case t.kind == word && opens:
		return p.call(t)
	case t.kind == name:
		return p.column()
	}
	switch t.value {
	case "NULL", "TRUE", "FALSE", "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "LOCALTIME", "LOCALTIMESTAMP", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP", "CURRENT_USER":
		p.take(t.value)
		return small
	case "CASE":
		return p.caseOf()
	case "DATE", "TIME", "TIMESTAMP":
		if next.kind == text {
			p.take(t.value)
			p.text("")
			return small
		}
	case "NEXT", "PREVIOUS":
		if next.kind == word && (next.value == "VALUE" || next.value == "VALUES") {
			p.refuse("a value of a sequence", "Reading must not change anything")
			return small
		}
	case "INTERVAL":
		p.unexpected("INTERVAL stands behind + or -, or in DATE_ADD and DATE_SUB")
		return small
	}
	return p.column()
}

// column reads a or t.a. A third part, the schema, is refused: MariaDB 10.11 crashes
// as a whole on SELECT nosuch.p.a FROM x p JOIN y USING (a).
func (p *parser) column() value {
	first := p.peek()
	p.name("wanted is a value")
	if p.take(".") {
		t := p.peek()
		if t.kind == word && reserved[t.value] { // a column behind a point may have any name
			p.skip()
			p.write(quoteName(p.source[t.start:t.end]))
		} else {
			p.name("wanted is a column")
		}
	}
	switch {
	case p.is("("):
		p.refuseAt(first, "a stored function", "Only functions that MariaDB itself has are allowed")
	case p.is("."):
		p.refuseAt(first, "a column with its schema", noSchema)
	}
	return value{factor: 1, chars: notKnown}
}

const noSchema = "Write table.column; a schema before it can crash MariaDB"

func (p *parser) caseOf() value {
	p.want("CASE")
	if !p.is("WHEN") {
		p.expr()
	}
	var all []value
	for p.take("WHEN") {
		p.expr()
		p.want("THEN")
		all = append(all, p.expr())
	}
	if len(all) == 0 {
		p.unexpected("wanted is WHEN")
	}
	if p.take("ELSE") {
		all = append(all, p.expr())
	}
	p.want("END")
	return longest(all...)
}
