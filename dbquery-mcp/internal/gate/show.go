package gate

// explain reads EXPLAIN query and DESCRIBE table [column].
func (p *parser) explain() {
	p.skip()
	if _, ok := p.nameOf(p.peek()); ok && !p.isAny("EXTENDED", "PARTITIONS", "FORMAT") {
		p.done.Kind = Show
		p.write("DESCRIBE")
		p.tableName()
		switch p.peek().kind {
		case text:
			p.text("")
		case name, word:
			p.name("wanted is a column")
		case endOfText, number, bytes, sign:
		}
		return
	}
	p.done.Kind = Explain
	p.write("EXPLAIN")
	switch {
	case p.takeAny("EXTENDED", "PARTITIONS"):
	case p.take("FORMAT"):
		p.want("=")
		if !p.takeAny("JSON", "TRADITIONAL") {
			p.unexpected("FORMAT is JSON or TRADITIONAL")
		}
	}
	if !p.isAny("SELECT", "WITH", "(") {
		p.unexpected("Only SELECT is explained")
		return
	}
	p.query(false)
}

// show reads the forms of SHOW that tell of tables.
func (p *parser) show() {
	p.skip()
	p.write("SHOW")
	full := p.take("FULL")
	switch {
	case p.take("TABLES"):
		p.like()
	case !full && p.takeWords("TABLE", "STATUS"):
		p.like()
	case !full && p.takeWords("CREATE", "TABLE"):
		p.tableName()
	case p.takeAny("COLUMNS", "FIELDS"):
		p.ofTable()
		p.like()
	case !full && p.takeAny("INDEX", "INDEXES", "KEYS"):
		p.ofTable()
	default:
		p.unexpected(allowed)
	}
}

func (p *parser) ofTable() {
	if !p.takeAny("FROM", "IN") {
		p.unexpected("wanted is FROM")
	}
	p.tableName()
}

// like reads LIKE 'pattern'. WHERE is not taken: DESCRIBE and information that
// needs conditions is short enough to be read whole.
func (p *parser) like() {
	if p.take("LIKE") {
		p.text("LIKE takes a string")
	}
}
