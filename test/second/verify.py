"""A second verifier, written from SPEC.md: python3 verify.py STORE [--pin PIN] [--records]

Prints {"exit", "findings", "entries", "records"} and exits with 0 intact, 1 altered, 2 could not be checked,
4 intact without a pin or with a rekey. Needs `cryptography`, and `pyarrow` for --records.
"""
import base64, hashlib, json, os, re, stat, struct, sys, uuid, zlib
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

COUNT = r"(?:0|[1-9]\d{0,15})"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
B64 = r"[A-Za-z0-9+/]{43}="
# SPEC 6: i16, i32, i64, text, bool, ts, id, hash; * stands in every record
COLUMNS = """v:i16* event_id:id* event_type:text* ts:ts* ts_quality:text* source_id:text* source_format:text* status:text*
http_status:i32 error_type:text finish_reason:text request_id:text trace_id:text session_id:text user_id:text user_kind:text
api_key_id:text client_ip:text user_agent:text operation:text endpoint:text model:text model_version:text model_requested:text
provider:text prompt_hash:hash completion_hash:hash last_user_hash:hash hash_alg:text prompt_chars:i64 completion_chars:i64
input_tokens:i64 output_tokens:i64 cached_tokens:i64 reasoning_tokens:i64 usage_source:text stream:bool attempt:i32
latency_us:i64 ttft_us:i64 queue_us:i64 cost_microusd:i64 auth_method:text auth_result:text mfa:bool labels:text extra:text"""
FIELDS = [(c.rstrip("*").split(":")[0], c.rstrip("*").split(":")[1], c.endswith("*")) for c in COLUMNS.split()]
ARROW = {"i16": "int16", "i32": "int32", "i64": "int64", "text": "string", "bool": "bool", "ts": "timestamp[us, tz=UTC]", "id": "binary", "hash": "binary"}


class Bad(Exception):
    pass


class Newer(Exception):
    pass


def need(ok, why):
    if not ok:
        raise Bad(why)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf(data):
    return sha(b"\0", data)


def root_of(leaves):
    if not leaves:
        return sha()
    level = list(leaves)
    if len(level) == 1:
        return level[0]
    k = 1
    while k * 2 < len(level):
        k *= 2
    return sha(b"\1", root_of(level[:k]), root_of(level[k:]))


def read(path, most=1 << 31):
    """The bytes of a regular file, or None: a link, a folder or a pipe is not there."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode) or os.path.getsize(path) > most:
            return None
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def parse_key(text):
    m = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})", text)
    need(m, "no verifier key")
    raw = base64.b64decode(m[3])
    need(raw[0] == 1 and sha(m[1].encode(), b"\n", raw)[:4].hex() == m[2], "a key that is not of its id")
    return m[1], m[2], raw[1:]


def parse_note(data):
    text = data.decode("utf-8", "strict")
    need(not re.search(r"[\x00-\x09\x0b-\x1f]", text) and "\n\n" in text and text.endswith("\n"), "not a note")
    body, tail = text[: text.rindex("\n\n") + 1], text[text.rindex("\n\n") + 2 :]
    signatures = []
    for line in tail[:-1].split("\n"):
        m = re.fullmatch(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})", line)
        need(m, "a line that is no signature")
        raw = base64.b64decode(m[2], validate=True)
        need(len(raw) > 4 and base64.b64encode(raw).decode() == m[2], "a signature not in canonical form")
        signatures.append((m[1], raw[:4].hex(), raw[4:]))
    return body, signatures


def signed_by(note, key):
    body, signatures = note
    own = [s for s in signatures if s[:2] == key[:2]]
    try:
        for _, _, signature in own:
            Ed25519PublicKey.from_public_bytes(key[2]).verify(signature, body.encode())
    except InvalidSignature:
        return False
    return bool(own)


def parse_line(text):
    need(len(text) <= 8192 and re.fullmatch(r"[a-z][a-z0-9]*(?: (?:[!-$&-~]|%[0-9A-F]{2})+)+", text), f"a line that is none: {text[:40]!r}")
    for escape in re.findall(r"%(..)", text):
        need(not 0x20 < int(escape, 16) < 0x7F or escape == "25", "an escape that needs none")
    return text.split(" ")


def parse_entry(body):
    rows = body.split("\n")[:-1]
    m = re.fullmatch(rf"(\S+)/e/({COUNT})", rows[0])
    need(m and "/e/" not in m[1], "no place")
    entry = {"origin": m[1], "index": int(m[2]), "count": None}
    at = 1
    if re.fullmatch(COUNT, rows[1]):
        need(re.fullmatch(B64, rows[2]), "no root")
        entry["count"], entry["root"], at = int(rows[1]), base64.b64decode(rows[2]), 3
    m = re.fullmatch(r"slmaudit/([a-z]+)/v([1-9]\d*)", rows[at])
    need(m, "no kind")
    entry["kind"], lines = (m[1], m[2]), [parse_line(row) for row in rows[at + 1 :]]
    for key, form in (("at", TIME), ("clock", TIME), ("prev", B64)):
        if lines and lines[0][0] == key:
            need(len(lines[0]) == 2 and re.fullmatch(form, lines[0][1]), key)
            entry[key] = lines.pop(0)[1]
    need("at" in entry and lines and lines[-1][0] == "next" and len(lines[-1]) == 2, "no time or no next key")
    entry["next"], entry["lines"] = parse_key(lines.pop()[1]), lines
    return entry


def parse_segment(entry):
    left = list(entry["lines"])

    def take(key, values, times=1):
        found = []
        while left and left[0][0] == key and len(found) < times:
            need(len(left[0]) == values + 1, f"{key} has other values")
            found.append(left.pop(0)[1:])
        return found

    s = {k: take(k, 1) for k in ("segment", "class", "first", "batch")}
    need(all(s.values()), "a line is missing")
    s = {k: v[0][0] for k, v in s.items()}
    s["part"] = take("part", 2)
    s["span"], s["payload"], s["rejected"] = take("span", 2), take("payload", 3), take("rejected", 3)
    s["lines"], s["damaged"] = take("lines", 7, 10**9), take("damaged", 1)
    s["source"], s["retried"] = take("source", 5, 10**9), take("retried", 2, 10**9)
    policy = take("policy", 1)
    known = "segment class first batch part span payload rejected lines damaged source retried policy".split()
    if left and left[0][0] not in known:
        raise Newer(f"line {left[0][0]}")
    need(policy and not left, "lines out of order")
    numbers = [s["segment"], s["first"], *(v for l in s["lines"] for v in l[1:]), *(v for l in s["part"] for v in l), *(v for l in s["source"] for v in l[2:4])]
    need(all(re.fullmatch(COUNT, n) for n in numbers), "a number that is none")
    s["segment"], s["first"] = int(s["segment"]), int(s["first"])
    s["part"] = tuple(int(v) for v in s["part"][0]) if s["part"] else (0, 1)
    need(s["part"] == (0, 1) or s["part"][0] < s["part"][1] > 1, "a part that there can not be")
    tallies = [[int(v) for v in l[1:]] for l in s["lines"]]
    need(all(sum(t[2:]) <= t[0] for t in tallies), "lines that do not add up")
    rejected = int(s["rejected"][0][0]) if s["rejected"] else 0
    need(sum(t[1] for t in tallies) == entry["count"] and sum(t[2] for t in tallies) == rejected, "lines that do not add up")
    need(bool(entry["count"]) == bool(s["span"]) == bool(s["payload"]), "span and payload stand where records do")
    return s


def number_path(n):
    path = f"{n % 1000:03}"
    while n >= 1000:
        n //= 1000
        path = f"x{n % 1000:03}/{path}"
    return path


def canonical(row):
    record = {}
    for name, kind, _ in FIELDS:
        value = row[name]
        if value is None:
            continue
        if kind == "ts":
            value = value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        elif kind == "id":
            value = str(uuid.UUID(bytes=value))
        elif kind == "hash":
            value = value.hex()
        record[name] = value
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def check_rows(path, entry, segment, find, where):
    import pyarrow.parquet as parquet

    try:
        table = parquet.ParquetFile(path, memory_map=False).read()
        columns = [(f.name, str(f.type)) for f in table.schema]
        need(columns == [(n, ARROW[k]) for n, k, _ in FIELDS] + [("redacted_leaf", "binary")], "other columns")
        rows = table.to_pylist()
        need(all(r[n] is not None for r in rows for n, _, always in FIELDS if always), "a row lacks a column")
        need(all(r["v"] == 1 and r["redacted_leaf"] is None for r in rows), "a row of another version, or redacted")
        need(len(rows) == entry["count"] and root_of([leaf(canonical(r)) for r in rows]) == entry["root"], "another root")
        times = sorted(r["ts"].strftime("%Y-%m-%dT%H:%M:%S.%fZ") for r in rows)
        need([times[0], times[-1]] == segment["span"][0], "another span")
    except Exception as error:  # whatever a damaged file does to its reader
        find("RECORDS", f"{where}: {error}")


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


def verify(store, pin, records):
    findings, newer, totals = [], [], {"entries": 0, "records": 0}
    rekeyed, segments, sources, retried, rejects, batches = False, [], {}, set(), [], {}

    def find(code, where=""):
        findings.append({"code": code, "where": str(where)})

    form = read(f"{store}/FORMAT", 4096)
    if form is None and read(f"{store}/log/checkpoint") is None:
        return 2, [{"code": "NO_STORE", "where": store}], totals
    if form != b"slmaudit-store/1\n":
        (newer if form and re.fullmatch(rb"slmaudit-store/\d+\n", form) else findings).append({"code": "FORMAT", "where": "FORMAT"})
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

    log_key, genesis_hash = (parse_key(pin.split("@sha256:")[0]), pin.split("@sha256:")[1]) if pin else (None, None)
    prev = next_key = recovery = None
    last_at, count = "", 0
    for i, data in enumerate(notes):
        try:
            note = parse_note(data)
            entry = parse_entry(note[0])
            need((entry["origin"], entry["index"]) == (origin, i), "another place")
            need(entry["at"] >= last_at and ("clock" not in entry or entry["clock"] < entry["at"] == last_at), "a time before the last")
            if i == 0:
                lines = {l[0]: l[1] for l in entry["lines"]}
                need([l[0] for l in entry["lines"]] == "log epoch schema recordkey recovery policy".split(), "genesis")
                log_key = log_key or parse_key(lines["log"])
                recovery = None if lines["recovery"] == "none" else parse_key(lines["recovery"])
                need(signed_by(note, parse_key(lines["epoch"])) and signed_by(note, parse_key(lines["log"])), "genesis is not signed")
                need(pin is None or sha(data).hex() == genesis_hash, "genesis is not the pin's")
            else:
                need(entry.get("prev") == base64.b64encode(prev).decode(), "another entry before it")
                key = recovery if entry["kind"][0] == "rekey" else next_key
                need(key and len(note[1]) == 1 and signed_by(note, key), "not signed by the key that was named")
            if entry["kind"] == ("segment", "1") and i > 0:
                s = parse_segment(entry)
                need((s["segment"], s["first"]) == (len(segments), count), "a segment out of order")
                part, parts = s["part"]
                sealed = batches.setdefault(s["batch"], {"of": parts, "parts": set(), "classes": set()})
                again = part in sealed["parts"] or s["class"] in sealed["classes"]
                need(sealed["of"] == parts and not again, "a batch sealed twice")
                sealed["parts"].add(part)
                sealed["classes"].add(s["class"])
                for _, identity, begin, end, _ in s["source"]:
                    need(sources.get(identity, 0) == int(begin) <= int(end), "ranges of a file that do not join")
                    sources[identity] = int(end)
                for number, ranges in s["retried"]:
                    for part in ranges.split(","):
                        low, high = (int(n) for n in (part.split("-") * 2)[:2])
                        need(1 <= low <= high <= (rejects[int(number)] if int(number) < len(rejects) else 0), "no such rejected line")
                        lines_again = {(number, n) for n in range(low, high + 1)}
                        need(not lines_again & retried, "a rejected line read again twice")
                        retried |= lines_again
                rejects.append(int(s["rejected"][0][0]) if s["rejected"] else 0)
                count += entry["count"]
                segments.append((entry, s))
            elif entry["kind"] == ("rekey", "1"):
                rekeyed = True
            elif i > 0 and entry["kind"] != ("recordkey", "1"):
                raise Newer(f"{entry['kind']}")
            prev, next_key, last_at = sha(data), entry["next"], entry["at"]
        except Newer as error:
            newer.append({"code": "NEWER", "where": f"entry {i}: {error}"})
            prev, next_key = sha(data), entry["next"]
        except (Bad, ValueError, IndexError) as error:
            find("ENTRY", f"{i}: {error}")
            break
    if log_key is None or log_key[0] != origin or not signed_by(head, log_key):
        find("CHECKPOINT_SIGNATURE")
    if len(notes) != size or root_of(hashes) != root:
        find("ROOT")

    made, known = tiles_of(hashes, notes), {"FORMAT", "log/checkpoint", "lock"}
    for (level, index), parts in made.items():
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

    for entry, s in segments:
        totals["records"] += entry["count"]
        files = [(f"records/sealed_on={entry['at'][:10]}/{s['segment']:08}.parquet", p) for p in s["payload"]]
        files += [(f"quarantine/{s['segment']:08}.ndjson", r[1:]) for r in s["rejected"]]
        for name, (digest, length, *_) in files:
            known.add(name)
            data = read(f"{store}/{name}")
            if data is None or hashlib.sha256(data).hexdigest() != digest or len(data) != int(length):
                find("FILE", name)
            elif records and name.startswith("records/"):
                check_rows(f"{store}/{name}", entry, s, find, name)

    for batch, sealed in batches.items():
        if len(sealed["parts"]) < sealed["of"] and not is_open(store, batch):
            find("PART", batch)

    left = rf"(?:log/(?:.*/)?|open/|)\.tmp-[0-9a-f]{{16}}|lock\.[0-9a-f]{{16}}|open/[0-9a-f]{{32}}\.(?:open|taken|clean|(?:[1-9]\d{{0,3}}\.)?parquet|quarantine|claim(?:\.[0-9a-f]{{16}})?)|open/\.duckdb/.*|records/sealed_on=\d{{4}}-\d\d-\d\d/{len(segments):08}\.parquet|quarantine/{len(segments):08}\.ndjson"
    for folder, folders, names in os.walk(store):
        links = [f for f in folders if os.path.islink(f"{folder}/{f}")]
        for name in (os.path.relpath(f"{folder}/{n}", store) for n in names + links):
            if name not in known and not re.fullmatch(left, name) and not is_next_tile(name, size):
                find("STRAY", name)
    code = 1 if findings else 2 if newer else 4 if rekeyed or pin is None else 0
    return code, findings + newer, totals


def is_open(store, batch):
    """Are the frames of an open segment there? Of its first line, the checksum and the batch."""
    for form in ("open", "taken"):
        first = (read(f"{store}/open/{batch}.{form}", 1 << 40) or b"").split(b"\n")[0]
        if re.fullmatch(rb'\{"c":"[0-9a-f]{8}","h":\{.*\}\}', first):
            if int(first[6:14], 16) == zlib.crc32(first[16:]) and json.loads(first)["h"].get("batch") == batch:
                return True
    return False


def is_next_tile(name, size):
    """A tile or bundle of the log with one entry more, not committed yet."""
    m = re.fullmatch(r"log/tile/(entries|\d)/((?:x\d{3}/)*\d{3})(?:\.p/(\d{1,3}))?", name)
    if not m:
        return False
    n = (size + 1) // 256 ** (0 if m[1] == "entries" else int(m[1]))
    index = int(re.sub(r"[x/]", "", m[2]))
    return 0 < int(m[3] or 256) <= n - index * 256


def main(args):
    store = os.path.abspath(args[0])
    pin = args[args.index("--pin") + 1] if "--pin" in args else None
    if pin and "@sha256:" not in pin:
        pin = open(pin).read()
    code, findings, totals = verify(store, pin and pin.strip(), "--records" in args)
    print(json.dumps({"exit": code, "findings": findings, **totals}))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
