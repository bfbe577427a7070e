package picture

import (
	"fmt"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
)

const (
	dpi         = 96
	labelPoints = 8.5
	titlePoints = 12
)

// fonts are what a picture is written with.
type fonts struct{ regular, bold font.Face }

func openFonts() (f fonts, err error) {
	if f.regular, err = face(liberationsansregular.TTF, labelPoints); err != nil {
		return f, err
	}
	f.bold, err = face(liberationsansbold.TTF, titlePoints)
	return f, err
}

func (f fonts) close() {
	_, _ = f.regular.Close(), f.bold.Close() // they hold nothing but memory
}

func face(ttf []byte, points float64) (font.Face, error) {
	parsed, err := opentype.Parse(ttf)
	if err != nil {
		return nil, fmt.Errorf("read the font: %w", err)
	}
	return opentype.NewFace(parsed, &opentype.FaceOptions{Size: points, DPI: dpi, Hinting: font.HintingFull})
}
