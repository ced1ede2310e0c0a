"""Tiles and bundles of the log (SPEC 3)."""
import re, struct
from notes import read, root_of


def number_path(n):
    path = f"{n % 1000:03}"
    while n >= 1000:
        n //= 1000
        path = f"x{n % 1000:03}/{path}"
    return path


def tiles_of(hashes, notes):
    """Every tile and bundle of the log as (name, index, hashes or notes of it)."""
    made, level, row = {}, 0, hashes
    while row:
        for i in range(0, len(row), 256):
            made[(str(level), i // 256)] = row[i : i + 256]
        row = [root_of(row[i : i + 256]) for i in range(0, len(row) - 255, 256)]
        level += 1
    for i in range(0, len(notes), 256):
        made[("entries", i // 256)] = [struct.pack(">H", len(n)) + n for n in notes[i : i + 256]]
    return made


def entries_of(store, size, find):
    notes = []
    for n in range(0, size, 256):
        width = min(256, size - n)
        base = f"{store}/log/tile/entries/{number_path(n // 256)}"
        wider = [f"{base}.p/{w}" for w in range(width, 256)] + [base]
        data = next((d for d in (read(p) for p in wider) if d is not None), b"")
        for _ in range(width):
            length = struct.unpack(">H", data[:2])[0] if len(data) > 1 else 0
            if length == 0 or len(data) < 2 + length:
                find("ENTRY_MISSING", len(notes))
                return notes
            notes.append(data[2 : 2 + length])
            data = data[2 + length :]
    return notes


def is_next_tile(name, size):
    """A tile or bundle of the log with one entry more, not committed yet."""
    m = re.fullmatch(r"log/tile/(entries|\d)/((?:x\d{3}/)*\d{3})(?:\.p/(\d{1,3}))?", name)
    if not m:
        return False
    n = (size + 1) // 256 ** (0 if m[1] == "entries" else int(m[1]))
    index = int(re.sub(r"[x/]", "", m[2]))
    return 0 < int(m[3] or 256) <= n - index * 256
