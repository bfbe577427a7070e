package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"payops-mcp/sandbox/binaries"
)

// entry is a file of an archive.
type entry struct {
	name string
	mode fs.FileMode
	data []byte
}

// stamp is the time of every file: when it was built must not change the bytes.
// Zip knows no time before 1980.
var stamp = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// archive packs the three servers and the documents as people of a system expect it.
func archive(version string, t Target, programs map[string][]byte, documents []entry) (name string, data []byte, err error) {
	folder := "payops-mcp-" + version + "-" + t.OS + "-" + t.Arch
	var files []entry
	for _, server := range binaries.Servers() {
		files = append(files, entry{folder + "/" + program(server, t.OS), 0o755, programs[server]})
	}
	for _, d := range documents {
		d.name = folder + "/" + d.name
		files = append(files, d)
	}
	if t.OS == "windows" {
		data, err = zipped(files)
		return folder + ".zip", data, err
	}
	data, err = tarred(files)
	return folder + ".tar.gz", data, err
}

// documents are what people read, and what it links to.
func documents(root string) (all []entry, err error) {
	for _, pattern := range []string{"*.md", "docs/*.md", "shared/catalog/catalog.json"} {
		names, err := fs.Glob(os.DirFS(root), pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
			if err != nil {
				return nil, err
			}
			all = append(all, entry{name, 0o644, data})
		}
	}
	return all, nil
}

func tarred(files []entry) ([]byte, error) {
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	w := tar.NewWriter(gz)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: int64(f.mode), Size: int64(len(f.data)), ModTime: stamp, Format: tar.FormatUSTAR}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	err := gz.Close()
	return b.Bytes(), err
}

func zipped(files []entry) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: stamp}
		h.SetMode(f.mode)
		out, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := out.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}
