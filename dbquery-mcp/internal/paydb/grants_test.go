package paydb

import (
	"strings"
	"testing"

	"payops-mcp/dbquery-mcp/internal/dbtest"
	"payops-mcp/shared/fault"
)

func TestWider(t *testing.T) {
	for line, want := range map[string]string{
		"GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*CBA4'":                         "",
		"GRANT SELECT ON `paydb`.* TO `u`@`%`":                                                 "",
		"GRANT SELECT, SHOW VIEW ON `paydb`.* TO `u`@`%`":                                      "",
		"GRANT SELECT ON `paydb`.`payment` TO `u`@`%`":                                         "",
		"GRANT SELECT (`a`, `b`) ON `paydb`.`payment` TO `u`@`%`":                              "",
		"GRANT PROCESS, SLAVE MONITOR ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*A'":           "",
		"GRANT BINLOG MONITOR ON *.* TO `u`@`%` WITH MAX_STATEMENT_TIME 2.000000":              "",
		"GRANT `readers` TO `u`@`%`":                                                           "",
		"SET DEFAULT ROLE `readers` FOR `u`@`%`":                                               "",
		"GRANT SELECT ON *.* TO `u`@`%`":                                                       "SELECT on *.*",
		"GRANT SELECT ON `mysql`.* TO `u`@`%`":                                                 "SELECT on `mysql`.*",
		"GRANT SELECT ON `pay%`.* TO `u`@`%`":                                                  "SELECT on `pay%`.*",
		"GRANT SELECT, INSERT (`a`, `b`), UPDATE ON `paydb`.`payment` TO `u`@`%`":              "INSERT (`a`, `b`), UPDATE on `paydb`.`payment`",
		"GRANT SELECT, LOCK TABLES ON `paydb`.* TO `u`@`%`":                                    "LOCK TABLES on `paydb`.*",
		"GRANT EXECUTE ON FUNCTION `paydb`.`f` TO `u`@`%`":                                     "EXECUTE on FUNCTION `paydb`.`f`",
		"GRANT ALL PRIVILEGES ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*A' WITH GRANT OPTION": "ALL PRIVILEGES, GRANT OPTION on *.*",
		"GRANT PROCESS, FILE ON *.* TO `u`@`%`":                                                "FILE on *.*",
		"GRANT PROXY ON ``@`%` TO `u`@`%` WITH GRANT OPTION":                                   "PROXY ON ``@`%`",
		"GRANT `admins` TO `u`@`%` WITH ADMIN OPTION":                                          "`admins`",
		"REVOKE WHATEVER": "something that is not understood",
	} {
		if got := strings.Join(wider(line, "paydb"), "; "); got != want {
			t.Errorf("%s\ngives %q, want %q", line, got, want)
		}
	}
	if got := wider("GRANT SELECT ON `pay\\_db`.* TO `u`@`%`", "pay_db"); got != nil {
		t.Errorf("an escaped name counts as another schema: %q", got)
	}
}

func TestAccount(t *testing.T) {
	db := dbtest.New(t)
	conn := openDB(t, db)
	if a := newest(t, conn)[0].Account; len(a.Wider) > 0 || !strings.HasPrefix(a.User, db.User+"@") {
		t.Errorf("an account that may only read: %+v", a)
	}
	db.Grant(t, "GRANT INSERT ON `"+db.Database+"`.* TO ?@'%'", db.User)
	wide := newest(t, openDB(t, db))[0]
	if !wide.Source.OK() || wide.Account.WiderText() != "INSERT on `"+db.Database+"`.*" {
		t.Errorf("an account that may write: %+v", wide.Account)
	}
	strict := openDB(t, db, func(_ int, _ *Settings, o *Options) { o.RequireReadOnly = true })
	_, _, err := strict.Payments(t.Context(), PaymentQuery{Order: Newest, Limit: 1, Window: anyTime})
	if f := fault.Of(err); f == nil || f.Kind != fault.Refused || !strings.Contains(f.Message, "INSERT") {
		t.Errorf("asked with an account that may write: %v", err)
	}
	if c := strict.Check(0)(t.Context()); c.OK() || c.Err.Class != fault.Permission {
		t.Errorf("the check says %+v", c)
	}
}

// A grant of columns hides the others only where it is of the payment schema, and no
// grant of the whole schema stands beside it.
func TestGrantsOfColumns(t *testing.T) {
	db := dbtest.New(t)
	other := db.Database + "_other"
	for _, s := range db.Shards {
		s.Exec(t, "CREATE DATABASE `"+other+"`")
		defer s.Exec(t, "DROP DATABASE `"+other+"`")
		s.Exec(t, "CREATE TABLE `"+other+"`.t (a INT, b INT)")
	}
	narrow, password := db.Account(t, "")
	as := func(_ int, s *Settings, _ *Options) { s.User, s.Password = narrow, password }
	db.Grant(t, "GRANT SELECT (a) ON `"+other+"`.t TO ?@'%'", narrow)
	if a := newest(t, openDB(t, db, as))[0].Account; a.Partial || !a.Schema {
		t.Errorf("columns of another schema: %+v", a)
	}
	db.Grant(t, "GRANT SELECT (payment_id) ON `"+db.Database+"`.payment TO ?@'%'", narrow)
	if a := newest(t, openDB(t, db, as))[0].Account; a.Partial || !a.Schema {
		t.Errorf("columns beside the whole schema: %+v", a)
	}
	db.Grant(t, "REVOKE SELECT ON `"+db.Database+"`.* FROM ?@'%'", narrow)
	if a := newest(t, openDB(t, db, as))[0].Account; !a.Partial || a.Schema {
		t.Errorf("columns alone: %+v", a)
	}
}

// What an account may do by a role counts. Of a role that is not active nothing is
// told, so nothing can be vouched for.
func TestRoles(t *testing.T) {
	db := dbtest.New(t)
	role, inner := db.User+"_role", db.User+"_inner"
	for _, s := range db.Shards {
		s.Exec(t, "CREATE ROLE `"+role+"`")
		defer s.Exec(t, "DROP ROLE `"+role+"`")
		s.Exec(t, "CREATE ROLE `"+inner+"`")
		defer s.Exec(t, "DROP ROLE `"+inner+"`")
	}
	db.Grant(t, "GRANT SELECT ON `"+db.Database+"`.* TO `"+inner+"`")
	db.Grant(t, "GRANT `"+inner+"` TO `"+role+"`")
	db.Grant(t, "GRANT `"+role+"` TO ?@'%'", db.User)
	wider := func() string { t.Helper(); return newest(t, openDB(t, db))[0].Account.WiderText() }
	if got := wider(); !strings.Contains(got, "the role `"+role+"`, whose rights") {
		t.Errorf("a role that is not active: %q", got)
	}
	db.Grant(t, "SET DEFAULT ROLE `"+role+"` FOR ?@'%'", db.User)
	if got := wider(); got != "" {
		t.Errorf("a role that may only read: %q", got)
	}
	db.Grant(t, "GRANT INSERT ON `"+db.Database+"`.* TO `"+inner+"`")
	if got := wider(); got != "INSERT on `"+db.Database+"`.*" {
		t.Errorf("a role in a role that may write: %q", got)
	}
}

// Two names for one database are one database, and two schemas of one server are two.
func TestSameDatabase(t *testing.T) {
	db := dbtest.New(t)
	db.Insert(t, 1, dbtest.Payment{Merchant: "M-2", At: base})
	first := dbtest.Endpoint{Host: db.Shards[0].Host, Port: db.Shards[0].Port}
	replies := all(t, newest(t, openDB(t, db, at(2, first))))
	rows, _ := PaymentQuery{Order: Newest, Limit: 10}.Merge(replies)
	if replies[1].SameAs != "shard1" || len(rows) != 1 {
		t.Errorf("same as %q, %d rows; want shard1 and one", replies[1].SameAs, len(rows))
	}
	if again := all(t, newest(t, openDB(t, db))); again[1].SameAs != "" {
		t.Errorf("two servers count as one: %+v %+v", again[0].Identity, again[1].Identity)
	}
	db.Shards[0].Exec(t, "CREATE DATABASE `"+db.Database+"_2`")
	defer db.Shards[0].Exec(t, "DROP DATABASE `"+db.Database+"_2`")
	db.Shards[0].Exec(t, "CREATE TABLE `"+db.Database+"_2`.payment LIKE payment")
	db.Grant(t, "GRANT SELECT ON `"+db.Database+"_2`.* TO ?@'%'", db.User)
	two := newest(t, openDB(t, db, at(2, first), func(n int, s *Settings, _ *Options) {
		if n == 2 {
			s.Database += "_2"
		}
	}))
	if all(t, two)[1].SameAs != "" {
		t.Error("two schemas of one server count as one")
	}
}

func TestSum(t *testing.T) {
	for want, amounts := range map[string][]string{
		"0":                nil,
		"10000":            {"10000"},
		"9007199254740993": {"9007199254740992", "1"}, // a float64 has no such number
		"0.3":              {"0.1", "0.2"},
		"100.05":           {"99.5", "0.55"},
		"-0.01":            {"1", "-1.01"},
		"99999999999999999999999999999999999999.9": {"99999999999999999999999999999999999999", "0.9"},
	} {
		var s Sum
		for _, a := range amounts {
			if err := s.Add(a); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.String(); got != want {
			t.Errorf("%v adds up to %s, want %s", amounts, got, want)
		}
	}
	for _, bad := range []string{"", "1e3", "NaN", "1.", ".5", "1,000", "0x10", "--1"} {
		if err := new(Sum).Add(bad); err == nil {
			t.Errorf("%q counts as an amount", bad)
		}
	}
}
