"""Entries: their frame and the lines of each kind, in canonical form (SPEC 4)."""
import base64, datetime, re
from notes import Bad, Newer, need, parse_key

COUNT = r"(?:0|[1-9]\d{0,15})"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
DAY = r"\d{4}-\d\d-\d\d"
B64 = r"[A-Za-z0-9+/]{43}="
HEX32, HEX64, ID = r"[0-9a-f]{32}", r"[0-9a-f]{64}", r"[0-9a-f]{8}"
CODE = r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}"
BY = rf"(?:hmac:[0-9a-f]{{32}}|{CODE})"
BASIS = r"[A-Za-z0-9][A-Za-z0-9.:()/_-]{0,63}"
CLASS = r"[a-z][a-z0-9_-]{0,31}"
PRESET = r"[a-z0-9][a-z0-9-]{0,31}"
RULED = "source_id source_format event_type user_kind model provider operation".split()
MOST_DAYS = 36525


def form(pattern, text, what):
    need(re.fullmatch(pattern, text), f"{what} is not of its form")
    return text


def count(text, what="a number"):
    need(re.fullmatch(COUNT, text) and int(text) < 1 << 53, f"{what} is no count")
    return int(text)


def time(text):
    form(TIME, text, "a time")
    datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
    return text


def day(text):
    form(DAY, text, "a day")
    datetime.date.fromisoformat(text)
    return text


def days(text):
    need(count(text) <= MOST_DAYS, "more than a hundred years")
    return int(text)


def ranges(texts, least=0):
    """`1-3,7`, of consecutive lines as one list: growing, and what touches is joined, but for where a line ends."""
    found, joined = [], []
    for text in texts:
        last = least - 2
        for part in text.split(","):
            m = re.fullmatch(r"(0|[1-9]\d{0,14})(?:-([1-9]\d{0,14}))?", part)
            need(m, "ranges are not of their form")
            low, high = int(m[1]), int(m[2] or m[1])
            need(low > last + 1 and (m[2] is None or low < high), "ranges out of order")
            found.append((low, high))
            last = high
    for low, high in found:
        need(not joined or low > joined[-1][1] + 1, "ranges out of order")
        joined.append((low, high))
    return joined


def parse_line(text):
    need(len(text) <= 8192 and re.fullmatch(r"[a-z][a-z0-9]*(?: (?:[!-$&-~]|%[0-9A-F]{2})+)*", text), f"a line that is none: {text[:40]!r}")
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
        entry["count"], entry["root"], at = count(rows[1]), base64.b64decode(rows[2]), 3
    m = re.fullmatch(r"slmaudit/([a-z]+)/v([1-9]\d{0,3})", rows[at])
    need(m, "no kind")
    entry["kind"], lines = (m[1], m[2]), [parse_line(row) for row in rows[at + 1 :]]
    for key, value in (("at", TIME), ("clock", TIME), ("prev", B64)):
        if lines and lines[0][0] == key:
            need(len(lines[0]) == 2 and re.fullmatch(value, lines[0][1]), key)
            entry[key] = lines.pop(0)[1]
    need("at" in entry and lines and lines[-1][0] == "next" and len(lines[-1]) == 2, "no time or no next key")
    entry["next"], entry["lines"] = parse_key(lines.pop()[1]), lines
    need(not any(l[0] in ("at", "clock", "prev", "next") for l in lines), "a line of the frame twice")
    return entry


class Lines:
    """An entry's own lines, in their order. One of a key that the kind doesn't have is a newer program's."""

    def __init__(self, entry, known):
        self.left, self.known = list(entry["lines"]), known.split()

    def take(self, key, least, most=None, times=10**9):
        found = []
        while self.left and self.left[0][0] == key and len(found) < times:
            values = self.left.pop(0)[1:]
            need(least <= len(values) <= (most or least), f"{key} has other values")
            found.append(values)
        return found

    def maybe(self, key, values):
        return next(iter(self.take(key, values, times=1)), None)

    def one(self, key, values=1):
        found = self.maybe(key, values)
        if found is None:
            self.newer()
            raise Bad(f"no {key} line where one belongs")
        return found[0] if values == 1 else found

    def newer(self):
        if self.left and self.left[0][0] not in self.known:
            raise Newer(f"line {self.left[0][0]}")

    def end(self):
        self.newer()
        need(not self.left, "lines out of order")


def parse_segment(entry):
    lines = Lines(entry, "segment class first batch part span payload rejected lines damaged source retried policy")
    s = {"segment": count(lines.one("segment")), "class": form(CLASS, lines.one("class"), "a class")}
    s["first"], s["batch"] = count(lines.one("first")), form(HEX32, lines.one("batch"), "a batch")
    s["part"] = tuple(count(n) for n in lines.maybe("part", 2) or ("0", "1"))
    s["span"], s["payload"], s["rejected"] = lines.maybe("span", 2), lines.maybe("payload", 3), lines.maybe("rejected", 3)
    s["lines"], s["damaged"] = lines.take("lines", 7), lines.maybe("damaged", 1)
    s["source"], s["retried"] = lines.take("source", 5), lines.take("retried", 2)
    s["policy"] = count(lines.one("policy"))
    lines.end()
    need(s["part"] == (0, 1) or s["part"][0] < s["part"][1] > 1, "a part that there can not be")
    tallies = [[count(v) for v in l[1:]] for l in s["lines"]]
    need(all(sum(t[2:]) <= t[0] for t in tallies), "lines that do not add up")
    rejected = count(s["rejected"][0]) if s["rejected"] else 0
    need(sum(t[1] for t in tallies) == entry["count"] and sum(t[2] for t in tallies) == rejected, "lines that do not add up")
    need(bool(entry["count"]) == bool(s["span"]) == bool(s["payload"]), "span and payload stand where records do")
    s["source"] = [(l[1], count(l[2]), count(l[3])) for l in s["source"]]
    s["retried"] = [(count(l[0]), ranges([l[1]], 1)) for l in s["retried"]]
    s["span"] = s["span"] and [time(t) for t in s["span"]]
    return {**s, "rejects": rejected, "entry": entry["index"], "at": entry["at"], "count": entry["count"], "root": entry["root"]}


def parse_policy(entry):
    lines = Lines(entry, "preset class rule grace redact retroactive")
    for name, date in lines.take("preset", 2):
        form(PRESET, name, "a preset"), day(date)
    classes = {}
    for name, least, most, age, review, *basis in lines.take("class", 5, 8192):
        need(form(CLASS, name, "a class") not in classes and age in ("sealed", "record"), "a class")
        classes[name] = {"min": days(least), "age": age}
        need(most == "none" or days(most) >= int(least), "a maximum below its minimum")
        need(review == "none" or day(review), "a review")
        need(all(re.fullmatch(BASIS, b) for b in basis), "a basis")
    rules = []
    for n, name, column, *values in lines.take("rule", 4, 8192):
        n = count(n)
        need(column in RULED and name in classes and len(rules) - 1 <= n <= len(rules), "a rule")
        rules[n:] = [name] if n == len(rules) else rules[n:]
        need(rules[n] == name, "rules out of order")
    need("default" in classes, "no class default")
    policy = {"classes": classes, "grace": days(lines.one("grace"))}
    any_, yes = lines.maybe("redact", 1), lines.maybe("retroactive", 1)
    lines.end()
    need(any_ in (None, ["any"]) and yes in (None, ["yes"]) and policy["grace"] >= 7, "a policy")
    return {**policy, "redact any": any_ is not None, "retroactive": yes is not None}


def parse_about(lines):
    hold = form(ID, lines.one("hold"), "a hold")
    form(CODE, lines.one("reason"), "a reason"), form(BY, lines.one("by"), "who")
    return hold


def parse_hold(entry):
    lines = Lines(entry, "hold reason by segments span")
    hold = {"id": parse_about(lines), "segments": ranges([l[0] for l in lines.take("segments", 1)])}
    span = lines.maybe("span", 2)
    lines.end()
    need(span or hold["segments"], "a hold on nothing")
    hold["span"] = span and [None if t == "open" else time(t) for t in span]
    need(not span or "open" in span or span[0] < span[1], "a span of nothing")
    return hold


def parse_release(entry):
    lines = Lines(entry, "hold reason by")
    hold = parse_about(lines)
    lines.end()
    return hold


def parse_files(lines):
    """Files that are stated anew: `payload`, and its `holds`."""
    files = []
    for _ in iter(int, 1):
        stated = lines.maybe("payload", 3)
        if stated is None:
            break
        if stated[2] != "parquet":
            raise Newer(f"payload form {stated[2]}")
        held = ranges([lines.one("holds"), *(l[0] for l in lines.take("holds", 1))])
        files.append((form(HEX64, stated[0], "a digest"), count(stated[1]), held))
    lines.end()
    return files


def grouped(lines, begin):
    """Lines that follow each other and begin with the same values, as one of each, with the ranges of all."""
    groups = []
    for line in lines:
        if not groups or groups[-1][0] != line[:begin]:
            groups.append((line[:begin], []))
        groups[-1][1].append(line[begin])
    return [(*begins, ranges(texts)) for begins, texts in groups]


def parse_compact(entry):
    files = parse_files(Lines(entry, "payload holds"))
    need(files, "it restates nothing")
    return {"files": files}


def parse_prune(entry):
    lines = Lines(entry, "policy reason pruned payload holds")
    made = {"policy": count(lines.one("policy")), "reason": form(CODE, lines.one("reason"), "a reason")}
    made["pruned"] = [(form(CLASS, c, "a class"), time(cutoff), held) for c, cutoff, held in grouped(lines.take("pruned", 3), 2)]
    made["files"] = parse_files(lines)
    need(made["pruned"], "it prunes nothing")
    return made


def parse_redact(entry):
    lines = Lines(entry, "policy reason redacted quarantine payload holds")
    made = {"policy": count(lines.one("policy")), "reason": form(CODE, lines.one("reason"), "a reason")}
    made["rows"] = [(count(segment), rows) for segment, rows in grouped(lines.take("redacted", 2), 1)]
    made["quarantine"] = ranges([l[0] for l in lines.take("quarantine", 1)])
    made["files"] = parse_files(lines)
    need(made["rows"] or made["quarantine"], "it redacts nothing")
    need(all(a[0] < b[0] for a, b in zip(made["rows"], made["rows"][1:])), "segments out of order")
    return made
