// Package env reads settings from the environment, and from a file of the same
// names, into a struct. It collects every mistake before it gives up, so that an
// operator repairs all of them at once.
//
// A field says all there is to know about its setting:
//
//	URL   string     `env:"PROMETHEUS_URL" default:"http://localhost:9090" help:"base URL of Prometheus"`
//	Token env.Secret `env:"PROMETHEUS_BEARER_TOKEN" help:"bearer token"`
//
// Types: string, Secret, bool, int, time.Duration, []string (a comma list), and
// anything that implements encoding.TextUnmarshaler. The tags min and max bound an
// int or a time.Duration. A Secret may be given by NAME_FILE, the path of a file
// that holds it. A group of numbered settings (PAYMENT_DB_HOST_SHARD2, …) is a
// field that implements Group.
package env

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Lookup returns the value of a setting; ok is false when it is not set.
type Lookup func(name string) (value string, ok bool)

// Group is a field that reads settings with names of its own.
type Group interface {
	// Load reads the group. It returns all mistakes, joined.
	Load(get Lookup) error
	// Settings documents the group.
	Settings() []Setting
}

// Setting is what the documentation says of one setting.
type Setting struct {
	Name, Default, Help string
	Secret              bool
}

// Load fills the struct that into points to. Values come from environ (KEY=VALUE,
// as os.Environ gives them) and, where it is silent, from file (its name; empty
// for none). Empty values, and placeholders that a host left unfilled
// ("${user_config.x}", "${NAME}"), count as not set. The error joins every mistake.
func Load(into any, environ []string, file string) error {
	values := map[string]string{}
	var errs []error
	if file != "" {
		values, errs = readFile(file)
		errs = append(errs, unknownNames(values, Settings(into), file)...)
	}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && isSet(v) {
			values[k] = v
		}
	}
	get := func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok && isSet(v)
	}
	errs = append(errs, load(reflect.ValueOf(into).Elem(), get)...)
	return errors.Join(errs...)
}

func isSet(v string) bool {
	return v != "" && (!strings.HasPrefix(v, "${") || !strings.HasSuffix(v, "}"))
}

func load(v reflect.Value, get Lookup) (errs []error) {
	for i := range v.NumField() {
		f, fv := v.Type().Field(i), v.Field(i)
		if !f.IsExported() {
			continue
		}
		if g, ok := reflect.TypeAssert[Group](fv.Addr()); ok {
			if err := g.Load(get); err != nil {
				errs = append(errs, err)
			}
			continue
		}
		name := f.Tag.Get("env")
		if name == "" {
			if f.Anonymous && fv.Kind() == reflect.Struct {
				errs = append(errs, load(fv, get)...)
			}
			continue
		}
		text, err := value(name, f, get)
		if err == nil && text != "" {
			if err = set(fv, text); err == nil {
				err = inRange(fv, f.Tag)
			}
		}
		if err != nil {
			errs = append(errs, describe(name, text, fv, err))
		}
	}
	return errs
}

// value finds the text of a setting: itself, its file, or its default.
func value(name string, f reflect.StructField, get Lookup) (string, error) {
	text, set := get(name)
	if f.Type == reflect.TypeFor[Secret]() {
		s, err := get.Secret(name)
		return s.Reveal(), err
	}
	if !set {
		return f.Tag.Get("default"), nil
	}
	return text, nil
}

func set(v reflect.Value, text string) error {
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *Secret:
		*p = Secret(text)
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("want true or false")
		}
		*p = b
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("want a whole number")
		}
		*p = n
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return errors.New("want a length of time above zero, like 30s or 5m")
		}
		*p = d
	case *[]string:
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*p = append(*p, part)
			}
		}
		if len(*p) == 0 { // to a list that limits, none would mean all
			return errors.New("want a comma list with something in it")
		}
	default:
		panic(fmt.Sprintf("env: %s is no type for a setting", v.Type()))
	}
	return nil
}

// inRange checks the tags min and max.
func inRange(v reflect.Value, tag reflect.StructTag) error {
	low, high := tag.Get("min"), tag.Get("max")
	bound := func(text string) int64 {
		limit := reflect.New(v.Type()).Elem()
		if err := set(limit, text); err != nil {
			panic(fmt.Sprintf("env: tag min or max is %q: %v", text, err))
		}
		return limit.Int()
	}
	if (low == "" || v.Int() >= bound(low)) && (high == "" || v.Int() <= bound(high)) {
		return nil
	}
	switch {
	case high == "":
		return fmt.Errorf("want at least %s", low)
	case low == "":
		return fmt.Errorf("want at most %s", high)
	}
	return fmt.Errorf("want %s to %s", low, high)
}

// describe names the setting and what it was set to, unless that is a secret or
// may hold one, as a URL with a password does.
func describe(name, text string, v reflect.Value, err error) error {
	switch {
	case strings.Contains(text, "@"):
		quoted := strconv.Quote(text)
		said := strings.NewReplacer(text, "***", quoted[1:len(quoted)-1], "***").Replace(err.Error())
		return fmt.Errorf("%s: %s", name, said)
	case text == "", v.Type() == reflect.TypeFor[Secret]():
		return fmt.Errorf("%s: %w", name, err)
	}
	return fmt.Errorf("%s=%q: %w", name, text, err)
}

// Settings lists every setting of the struct that config points to, in order.
func Settings(config any) []Setting { return settings(reflect.ValueOf(config).Elem()) }

func settings(v reflect.Value) (all []Setting) {
	for i := range v.NumField() {
		f, fv := v.Type().Field(i), v.Field(i)
		if !f.IsExported() {
			continue
		}
		if g, ok := reflect.TypeAssert[Group](fv.Addr()); ok {
			all = append(all, g.Settings()...)
			continue
		}
		name := f.Tag.Get("env")
		if name == "" {
			if f.Anonymous && fv.Kind() == reflect.Struct {
				all = append(all, settings(fv)...)
			}
			continue
		}
		all = append(all, Setting{Name: name, Default: f.Tag.Get("default"), Help: f.Tag.Get("help"),
			Secret: f.Type == reflect.TypeFor[Secret]()})
	}
	return all
}

// unknownNames finds names in a settings file that no setting has: a misspelt
// name must not be ignored. Names of other servers' settings cannot be told from
// misspelt ones, so a file belongs to one server, or holds what all share.
func unknownNames(values map[string]string, known []Setting, file string) (errs []error) {
	ok := map[string]bool{}
	for _, s := range known {
		ok[s.Name] = true
		if s.Secret {
			ok[s.Name+"_FILE"] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !ok[name] && !numbered(name, known) {
			errs = append(errs, fmt.Errorf("%s: %s is not a setting of this server (--help lists them)", file, name))
		}
	}
	return errs
}

// numbered reports whether name belongs to a documented group such as
// PAYMENT_DB_HOST_SHARDn.
func numbered(name string, known []Setting) bool {
	stem := strings.TrimRight(strings.TrimSuffix(name, "_FILE"), "0123456789")
	return slices.ContainsFunc(known, func(s Setting) bool { return s.Name == stem+"n" })
}
