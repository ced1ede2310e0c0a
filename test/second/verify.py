"""A second verifier, written from SPEC.md: python3 verify.py STORE [--pin PIN] [--records] [--now TIME]

Prints {"exit", "findings", "entries", "records"} and exits with 0 intact, 1 altered, 2 could not be checked,
4 intact without a pin or with a rekey. Needs `cryptography`, and `pyarrow` for --records and for files that the log
has restated. TIME: what to take for the present, as in an entry.
"""
import sys

sys.dont_write_bytecode = True
import base64, datetime, hashlib, json, os, re, zlib
from entries import B64, COUNT, parse_compact, parse_entry, parse_hold, parse_policy, parse_prune, parse_redact, parse_release, parse_segment
from notes import Bad, Newer, leaf, need, parse_key, parse_note, read, root_of, sha, signed_by
from places import Places
from retention import Retention, age_from, later
from rows import check_rows
from tiles import entries_of, is_next_tile, number_path, tiles_of

AHEAD = 5 / 1440


class Chain:
    """The entries, one after the other (SPEC 9, steps 3 to 8)."""

    def __init__(self, origin, pin, now, find):
        self.origin, self.now, self.find = origin, now, find
        self.log_key, self.genesis = (parse_key(pin.split("@sha256:")[0]), pin.split("@sha256:")[1]) if pin else (None, None)
        self.prev = self.next = self.recovery = None
        self.at, self.records, self.rekeyed, self.newer = "", 0, False, []
        self.places, self.retention = Places(), Retention()
        self.batches, self.sources, self.retried = {}, {}, set()

    def add(self, i, data):
        """Raises Bad: behind that nothing is believed."""
        note = parse_note(data)
        entry = parse_entry(note[0])
        self.frame(i, entry)
        if i == 0:
            self.begin(entry, note, data)
        else:
            self.join(entry, note)
        self.prev, self.next, self.at = sha(data), entry["next"], entry["at"]
        try:
            if i > 0:
                self.event(entry)
        except Newer as error:
            self.newer.append({"code": "NEWER", "where": f"entry {i}: {error}"})

    def frame(self, i, entry):
        need((entry["origin"], entry["index"]) == (self.origin, i), "another place")
        need(entry["at"] >= self.at and ("clock" not in entry or entry["clock"] < entry["at"] == self.at), "a time before the last")
        if entry["at"] > later(self.now, AHEAD):
            self.find("ENTRY_FUTURE", i)

    def begin(self, entry, note, data):
        lines = {l[0]: l[1] for l in entry["lines"]}
        need([l[0] for l in entry["lines"]] == "log epoch schema recordkey recovery policy".split(), "genesis")
        self.log_key = self.log_key or parse_key(lines["log"])
        self.recovery = None if lines["recovery"] == "none" else parse_key(lines["recovery"])
        need(signed_by(note, parse_key(lines["epoch"])) and signed_by(note, parse_key(lines["log"])), "genesis is not signed")
        need(self.genesis is None or sha(data).hex() == self.genesis, "genesis is not the pin's")

    def join(self, entry, note):
        need(entry.get("prev") == base64.b64encode(self.prev).decode(), "another entry before it")
        key = self.recovery if entry["kind"][0] == "rekey" else self.next
        need(key and len(note[1]) == 1 and signed_by(note, key), "not signed by the key that was named")

    def event(self, entry):
        kind, version = entry["kind"]
        known = "segment rekey recordkey policy hold release compact prune redact".split()
        if version != "1" or kind not in known:
            raise Newer(f"{kind}/v{version}")
        if kind == "segment":
            need(entry["count"] is not None, "a manifest without records")
            self.segment(parse_segment(entry))
        elif kind == "rekey":
            need(entry["lines"] in ([["reason", "lost"]], [["reason", "leaked"]]), "a rekey")
            self.rekeyed = True
        elif kind == "recordkey":
            need(len(entry["lines"]) == 1 and entry["lines"][0][0] == "recordkey", "a record key")
        elif kind == "policy":
            self.retention.add_policy(entry, parse_policy(entry))
        elif kind == "hold" and not self.retention.add_hold(parse_hold(entry)):
            self.find("HOLD_UNKNOWN", entry["index"])
        elif kind == "release" and not self.retention.add_release(entry, parse_release(entry)):
            self.find("HOLD_UNKNOWN", entry["index"])
        elif kind == "compact":
            self.restated(entry, self.places.restate(entry["index"], parse_compact(entry)["files"]))
        elif kind == "prune":
            said = parse_prune(entry)
            self.judge_prune(entry, said)
            self.restated(entry, self.places.prune(entry["index"], said["pruned"], said["files"]))
        elif kind == "redact":
            said = parse_redact(entry)
            self.judge_redact(entry, said)
            self.restated(entry, self.places.redact(entry["index"], said["rows"], said["quarantine"], said["files"]))

    def restated(self, entry, good):
        if not good:
            self.find("RESTATED_WRONG", entry["index"])

    def segment(self, s):
        segments = self.places.segments
        need((s["segment"], s["first"]) == (len(segments), self.records), "a segment out of order")
        if s["policy"] != self.retention.newest["entry"] and not self.newer:
            self.find("SEGMENT_POLICY", s["entry"])
        part, parts = s["part"]
        sealed = self.batches.setdefault(s["batch"], {"of": parts, "parts": set(), "classes": set()})
        again = part in sealed["parts"] or s["class"] in sealed["classes"]
        need(sealed["of"] == parts and not again, "a batch sealed twice")
        sealed["parts"].add(part)
        sealed["classes"].add(s["class"])
        for identity, begin, end in s["source"]:
            need(self.sources.get(identity, 0) == begin <= end, "ranges of a file that do not join")
            self.sources[identity] = end
        for number, ranges in s["retried"]:
            need(number < len(segments) and ranges[-1][1] <= segments[number]["rejects"], "no such rejected line")
            lines = {(number, n) for low, high in ranges for n in range(low, high + 1)}
            need(not lines & self.retried, "a rejected line read again twice")
            self.retried |= lines
        self.records += s["count"]
        self.places.seal(s)

    def judge_prune(self, entry, said):
        newest = self.retention.newest
        for name, cutoff, ranges in said["pruned"]:
            for s in (self.places.segments[n] for n in self.places.present(ranges)):
                self.judge(entry, s, "PRUNE")
                if not self.newer and (s["class"] != name or age_from(s, newest["policy"]) > cutoff):
                    self.find("PRUNE_OUTSIDE_POLICY", s["segment"])
        if said["policy"] != newest["entry"] and not self.newer:
            self.find("PRUNE_OUTSIDE_POLICY", entry["index"])

    def judge_redact(self, entry, said):
        touched = [(n, n) for n, _ in said["rows"]] + said["quarantine"]
        for n in sorted(set(self.places.present(touched))):
            self.judge(entry, self.places.segments[n], "REDACT")
        if said["policy"] != self.retention.newest["entry"] and not self.newer:
            self.find("REDACT_OUTSIDE_POLICY", entry["index"])

    def judge(self, entry, segment, what):
        """By the entry's own time, or by this clock where that is earlier: nobody's clock makes segments older."""
        then = min(entry["at"], self.now)
        # What rests on an entry of a newer program can't be judged: the answer is 2 already.
        if self.newer:
            return
        if self.retention.held(segment, then):
            self.find(f"{what}_UNDER_HOLD", segment["segment"])
        if not self.retention.allowed(segment, then, what == "REDACT"):
            self.find(f"{what}_OUTSIDE_POLICY", segment["segment"])


def check_tiles(store, hashes, notes, known, find):
    for (level, index), parts in tiles_of(hashes, notes).items():
        base = f"log/tile/{level}/{number_path(index)}"
        for width in range(1, 257):
            name = base if width == 256 else f"{base}.p/{width}"
            data = read(f"{store}/{name}")
            if data is None:
                continue
            known.add(name)
            wanted = b"".join(parts[:width])
            if data[: len(wanted)] != wanted or (width <= len(parts) and len(data) != len(wanted)):
                find("TILE", name)
        if not any((base if w == 256 else f"{base}.p/{w}") in known for w in range(len(parts), 257)):
            find("TILE_MISSING", base)


def check_files(store, places, records, known, find):
    """A digest that a later key signed vouches for nothing: rows of restated files are read in any case."""
    files = {f["name"]: f for f in places.files.values()}
    rejected = {f"quarantine/{s['segment']:08}.ndjson": s["rejected"] for s in places.segments if places.has_rejected(s)}
    stated = [(name, f["sha256"], f["bytes"]) for name, f in files.items()] + [(name, r[1], int(r[2])) for name, r in rejected.items()]
    for name, digest, length in stated:
        known.add(name)
        data = read(f"{store}/{name}")
        if data is None or hashlib.sha256(data).hexdigest() != digest or len(data) != length:
            find("FILE", name)
        elif name in files and (records or files[name]["restated"]):
            check_rows(f"{store}/{name}", files[name], places, find)


def check_strays(store, size, places, known, find):
    """What writers leave for a moment, and what the log stated once, is no stray. True where an open segment was set aside."""
    aside = []
    next_segment = len(places.segments)
    left = "|".join(
        (
            r"(?:log/(?:.*/)?|open/|)\.tmp-[0-9a-f]{16}|lock\.[0-9a-f]{16}|open/untidy|open/\.duckdb/.*",
            r"open/[0-9a-f]{32}\.(?:open|taken|clean|(?:[1-9]\d{0,3}\.)?parquet|quarantine|claim(?:\.[0-9a-f]{16})?)",
            rf"records/sealed_on=\d{{4}}-\d\d-\d\d/(?:{next_segment:08}|\d{{8,}}\.{size})\.parquet",
            rf"quarantine/{next_segment:08}\.ndjson",
        )
    )
    for folder, folders, names in os.walk(store):
        links = [f for f in folders if os.path.islink(f"{folder}/{f}")]
        for name in (os.path.relpath(f"{folder}/{n}", store) for n in names + links):
            if re.fullmatch(r"open/[0-9a-f]{32}(?:\.[1-9]\d{0,3})?\.aside", name):
                aside.append(name)
            elif name not in known | places.gone and not re.fullmatch(left, name) and not is_next_tile(name, size):
                find("STRAY", name)
    return bool(aside)


def is_open(store, batch):
    """Are the frames of an open segment there? Of its first line, the checksum and the batch."""
    for state in ("open", "taken"):
        first = (read(f"{store}/open/{batch}.{state}", 1 << 40) or b"").split(b"\n")[0]
        if re.fullmatch(rb'\{"c":"[0-9a-f]{8}","h":\{.*\}\}', first):
            if int(first[6:14], 16) == zlib.crc32(first[16:]) and json.loads(first)["h"].get("batch") == batch:
                return True
    return False


def verify(store, pin, records, now):
    findings, newer, totals = [], [], {"entries": 0, "records": 0}

    def find(code, where=""):
        findings.append({"code": code, "where": str(where)})

    written = read(f"{store}/FORMAT", 4096)
    if written is None and read(f"{store}/log/checkpoint") is None:
        return 2, [{"code": "NO_STORE", "where": store}], totals
    if written != b"slmaudit-store/1\n":
        is_newer = written and re.fullmatch(rb"slmaudit-store/\d+\n", written)
        (newer if is_newer else findings).append({"code": "FORMAT", "where": "FORMAT"})
    try:
        head = parse_note(read(f"{store}/log/checkpoint", 65536) or b"")
        m = re.fullmatch(rf"(\S+)\n({COUNT})\n({B64})\n", head[0])
        need(m, "not three lines")
    except (Bad, ValueError):
        return 1, findings + [{"code": "CHECKPOINT", "where": ""}], totals
    origin, size, root = m[1], int(m[2]), base64.b64decode(m[3])
    notes = entries_of(store, size, find)
    hashes = [leaf(n) for n in notes]
    totals["entries"] = len(notes)

    chain = Chain(origin, pin, now, find)
    for i, data in enumerate(notes):
        try:
            chain.add(i, data)
        except (Bad, ValueError, IndexError) as error:
            find("ENTRY", f"{i}: {error}")
            break
    if chain.log_key is None or chain.log_key[0] != origin or not signed_by(head, chain.log_key):
        find("CHECKPOINT_SIGNATURE")
    if len(notes) != size or root_of(hashes) != root:
        find("ROOT")

    places, known = chain.places, {"FORMAT", "log/checkpoint", "lock", "settings"}
    totals["records"] = sum(s["count"] for s in places.segments if s["segment"] not in places.pruned)
    check_tiles(store, hashes, notes, known, find)
    check_files(store, places, records, known, find)
    for batch, sealed in chain.batches.items():
        if len(sealed["parts"]) < sealed["of"] and not is_open(store, batch):
            find("PART", batch)
    aside = check_strays(store, size, places, known, find)
    newer += chain.newer
    code = 1 if findings else 2 if newer else 4 if chain.rekeyed or aside or pin is None else 0
    return code, findings + newer, totals


def main(args):
    def option(name):
        return args[args.index(name) + 1] if name in args else None

    store, pin = os.path.abspath(args[0]), option("--pin")
    if pin and "@sha256:" not in pin:
        pin = open(pin).read()
    now = option("--now") or datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    code, findings, totals = verify(store, pin and pin.strip(), "--records" in args, now)
    print(json.dumps({"exit": code, "findings": findings, **totals}))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
