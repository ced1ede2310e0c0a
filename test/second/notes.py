"""Hashes, keys, signed notes, and files that may not be what they seem (SPEC 1 to 3)."""
import base64, hashlib, os, re, stat
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


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
