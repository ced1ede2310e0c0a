// Checks a store with Go's own signed notes and transparency logs, and none of slmaudit's code:
//
//	interop STORE PIN
//
// every note with golang.org/x/mod/sumdb/note, the tree with golang.org/x/mod/sumdb/tlog.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: interop STORE PIN")
	}
	store, pin := os.Args[1], os.Args[2]
	vkey, genesis, ok := strings.Cut(pin, "@sha256:")
	if !ok {
		log.Fatal("that is no pin")
	}
	tree := checkpoint(filepath.Join(store, "log", "checkpoint"), vkey)
	entries := bundles(filepath.Join(store, "log"), tree.N)
	fmt.Printf("sumdb/note: checkpoint of %d entries opens with the log key\n", tree.N)

	epochs(entries, vkey, genesis)
	fmt.Printf("sumdb/note: %d entries open, each with the key that the one before it named\n", len(entries))

	hashes := stored(entries)
	if root := must(tlog.TreeHash(tree.N, hashes)); root != tree.Hash {
		log.Fatalf("sumdb/tlog: the entries make %v, the checkpoint says %v", root, tree.Hash)
	}
	for n := range entries {
		proof := must(tlog.ProveRecord(tree.N, int64(n), hashes))
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, int64(n), tlog.RecordHash(entries[n])))
	}
	for old := int64(1); old <= tree.N; old += 1 + tree.N/50 {
		proof := must(tlog.ProveTree(tree.N, old, hashes))
		check(tlog.CheckTree(proof, tree.N, tree.Hash, old, must(tlog.TreeHash(old, hashes))))
	}
	fmt.Printf("sumdb/tlog: every entry is in the tree, and earlier trees are its beginning\n")
}

func checkpoint(path, vkey string) tlog.Tree {
	text := open(must(os.ReadFile(path)), vkey)
	lines := strings.Split(text, "\n")
	size := must(strconv.ParseInt(lines[1], 10, 64))
	return tlog.Tree{N: size, Hash: must(tlog.ParseHash(lines[2]))}
}

// Entry bundles of tlog-tiles: a big-endian u16 length before each entry.
func bundles(folder string, size int64) [][]byte {
	var entries [][]byte
	for n := int64(0); n*256 < size; n++ {
		path := filepath.Join(folder, "tile", "entries", index(n))
		if width := size - n*256; width < 256 {
			path += fmt.Sprintf(".p/%d", width)
		}
		data := must(os.ReadFile(path))
		for len(data) > 0 {
			length := 2 + int(binary.BigEndian.Uint16(data))
			entries = append(entries, data[2:length])
			data = data[length:]
		}
	}
	if int64(len(entries)) != size {
		log.Fatalf("%d entries in bundles, %d in the checkpoint", len(entries), size)
	}
	return entries
}

// 1234067 is x001/x234/067.
func index(n int64) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	return path
}

// SPEC 4: genesis is signed by its epoch key and the log key, entry i by what entry i-1 named, a rekey by the recovery key.
func epochs(entries [][]byte, vkey, genesis string) {
	if hash := fmt.Sprintf("%x", sha256.Sum256(entries[0])); hash != genesis {
		log.Fatalf("genesis is %s, the pin says %s", hash, genesis)
	}
	first := open(entries[0], vkey)
	open(entries[0], line(first, "epoch"))
	next := line(first, "next")
	for i, entry := range entries[1:] {
		key := next
		if strings.Contains(string(entry), "\nslmaudit/rekey/v1\n") {
			key = line(first, "recovery")
		}
		text := open(entry, key)
		hash := sha256.Sum256(entries[i])
		if prev := line(text, "prev"); prev != base64.StdEncoding.EncodeToString(hash[:]) {
			log.Fatalf("entry %d names another entry before it", i+1)
		}
		next = line(text, "next")
	}
}

func line(text, key string) string {
	for _, l := range strings.Split(text, "\n") {
		if value, ok := strings.CutPrefix(l, key+" "); ok {
			return value
		}
	}
	log.Fatalf("no %s line", key)
	return ""
}

func open(data []byte, vkey string) string {
	verifier := must(note.NewVerifier(vkey))
	return must(note.Open(data, note.VerifierList(verifier))).Text
}

func stored(entries [][]byte) tlog.HashReader {
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			found[i] = hashes[at]
		}
		return found, nil
	})
	for n, entry := range entries {
		hashes = append(hashes, must(tlog.StoredHashes(int64(n), entry, reader))...)
	}
	return reader
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}
