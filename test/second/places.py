"""Where records lie: what manifests state, as later entries restate it (SPEC 4, 5)."""


def of(ranges, most):
    for low, high in ranges:
        yield from range(low, min(high, most) + 1)


class Places:
    def __init__(self):
        self.segments = []
        # By segment: a file, which is one of {"name", "sha256", "bytes", "segments", "entry", "restated"}.
        self.files = {}
        self.pruned, self.unquarantined, self.redacted = set(), set(), {}
        # Names that the log stated once.
        self.gone = set()

    def seal(self, s):
        number = s["segment"]
        self.segments.append(s)
        if s["payload"]:
            sha256, size, _ = s["payload"]
            name = f"records/sealed_on={s['at'][:10]}/{number:08}.parquet"
            self.files[number] = {"name": name, "sha256": sha256, "bytes": int(size), "segments": [number], "entry": s["entry"], "restated": False}
            self.gone.add(name)
        if s["rejected"]:
            self.gone.add(f"quarantine/{number:08}.ndjson")

    def present(self, ranges):
        """Segments of these ranges that there are and that were not deleted."""
        return [n for n in of(ranges, len(self.segments) - 1) if n not in self.pruned]

    def is_odd(self, ranges):
        """Do they name what there is not, or what was deleted?"""
        return any(high >= len(self.segments) for _, high in ranges) or any(n in self.pruned for n in of(ranges, len(self.segments) - 1))

    def restate(self, entry, files, besides=()):
        """Each file is restated whole, or what is not restated is deleted by the same entry (`besides`). False: it is not so."""
        good, named, made = True, set(besides), []
        touched = [self.files[n] for n in besides if n in self.files]
        for sha256, size, ranges in files:
            good = good and not self.is_odd(ranges)
            # Segments without records are in no file: a range may run over them.
            held = [n for n in self.present(ranges) if n in self.files]
            alike = {(self.segments[n]["class"], self.segments[n]["at"][:10]) for n in held}
            good = good and not named & set(held) and len(alike) <= 1
            named |= set(held)
            touched += [self.files[n] for n in held]
            if held:
                name = f"records/sealed_on={self.segments[held[0]]['at'][:10]}/{held[0]:08}.{entry}.parquet"
                made.append({"name": name, "sha256": sha256, "bytes": size, "segments": held, "entry": entry, "restated": True})
        good = good and all(set(f["segments"]) <= named for f in touched)
        self.gone |= {f["name"] for f in touched}
        for file in made:
            self.files.update({n: file for n in file["segments"]})
        return good

    def prune(self, entry, pruned, files):
        gone = [n for _, _, ranges in pruned for n in self.present(ranges)]
        good = not any(self.is_odd(ranges) for _, _, ranges in pruned)
        good = self.restate(entry, files, gone) and good
        for n in gone:
            self.files.pop(n, None)
            self.pruned.add(n)
        return good

    def redact(self, entry, rows, quarantine, files):
        """Its rows must lie in files that it restates, be there, and not be redacted before."""
        good = self.restate(entry, files)
        for segment, ranges in rows:
            before = self.redacted.get(segment, [])
            there = self.files.get(segment, {}).get("entry") == entry and ranges[-1][1] < self.segments[segment]["count"]
            if there and not set(of(ranges, 1 << 53)) & set(of(before, 1 << 53)):
                self.redacted[segment] = before + ranges
            else:
                good = False
        good = good and not self.is_odd(quarantine)
        self.unquarantined |= set(self.present(quarantine))
        return good

    def has_rejected(self, s):
        return bool(s["rejected"]) and s["segment"] not in self.pruned | self.unquarantined
