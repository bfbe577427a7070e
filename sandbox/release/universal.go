package release

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"fmt"
)

// sliceAlign is 2^14: a slice begins on a page, and arm64's pages have 16 KiB.
const sliceAlign = 14

// universal joins programs of several processors into one Mach-O file, of which
// macOS runs the slice that fits. A bundle can name a program for each system, but
// none for each processor.
func universal(slices ...[]byte) ([]byte, error) {
	header := struct{ Magic, Count uint32 }{macho.MagicFat, uint32(len(slices))} //nolint:gosec // two
	arches := make([]macho.FatArchHeader, len(slices))
	offset := uint32(1 << sliceAlign)
	for i, s := range slices {
		f, err := macho.NewFile(bytes.NewReader(s))
		if err != nil {
			return nil, fmt.Errorf("slice %d: %w", i+1, err)
		}
		size := uint32(len(s)) //nolint:gosec // programs of ours have tens of megabytes
		arches[i] = macho.FatArchHeader{Cpu: f.Cpu, SubCpu: f.SubCpu, Offset: offset, Size: size, Align: sliceAlign}
		offset += (size + 1<<sliceAlign - 1) >> sliceAlign << sliceAlign
	}
	var b bytes.Buffer
	for _, part := range []any{header, arches} {
		if err := binary.Write(&b, binary.BigEndian, part); err != nil {
			return nil, err
		}
	}
	for i, s := range slices {
		b.Write(make([]byte, int(arches[i].Offset)-b.Len()))
		b.Write(s)
	}
	return b.Bytes(), nil
}
