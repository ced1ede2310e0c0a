"""Rows of a payload: their columns, canonical lines, roots and spans (SPEC 5, 6)."""
import json, uuid
from notes import leaf, need, root_of
from places import of

# SPEC 6: i16, i32, i64, text, bool, ts, id, hash; * stands in every record
COLUMNS = """v:i16* event_id:id* event_type:text* ts:ts* ts_quality:text* source_id:text* source_format:text* status:text*
http_status:i32 error_type:text finish_reason:text request_id:text trace_id:text session_id:text user_id:text user_kind:text
api_key_id:text client_ip:text user_agent:text operation:text endpoint:text model:text model_version:text model_requested:text
provider:text prompt_hash:hash completion_hash:hash last_user_hash:hash hash_alg:text prompt_chars:i64 completion_chars:i64
input_tokens:i64 output_tokens:i64 cached_tokens:i64 reasoning_tokens:i64 usage_source:text stream:bool attempt:i32
latency_us:i64 ttft_us:i64 queue_us:i64 cost_microusd:i64 auth_method:text auth_result:text mfa:bool labels:text extra:text"""
FIELDS = [(c.rstrip("*").split(":")[0], c.rstrip("*").split(":")[1], c.endswith("*")) for c in COLUMNS.split()]
ARROW = {"i16": "int16", "i32": "int32", "i64": "int64", "text": "string", "bool": "bool", "ts": "timestamp[us, tz=UTC]", "id": "binary", "hash": "binary"}


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


def check_rows(path, file, places, find):
    import pyarrow.parquet as parquet

    try:
        table = parquet.ParquetFile(path, memory_map=False).read()
        columns = [(f.name, str(f.type)) for f in table.schema]
        need(columns == [(n, ARROW[k]) for n, k, _ in FIELDS] + [("redacted_leaf", "binary")], "other columns")
        rows = table.to_pylist()
        held = [places.segments[n] for n in file["segments"]]
        need(len(rows) == sum(s["count"] for s in held), "another number of rows")
        for s in held:
            own, rows = rows[: s["count"]], rows[s["count"] :]
            check_segment(own, s, set(of(places.redacted.get(s["segment"], []), s["count"])))
    except Exception as error:  # whatever a damaged file does to its reader
        find("RECORDS_MISMATCH", f"{file['name']}: {error}")


def check_segment(rows, s, redacted):
    need({i for i, r in enumerate(rows) if r["redacted_leaf"] is not None} == redacted, "other redacted rows")
    kept = [r for r in rows if r["redacted_leaf"] is None]
    gone = [r for r in rows if r["redacted_leaf"] is not None]
    need(all(r[n] is not None for r in kept for n, _, always in FIELDS if always), "a row lacks a column")
    need(all(r["v"] == 1 for r in kept), "a row of another version")
    need(all(len(r["redacted_leaf"]) == 32 and all(r[n] is None for n, _, _ in FIELDS) for r in gone), "a redacted row says something")
    need(root_of([r["redacted_leaf"] or leaf(canonical(r)) for r in rows]) == s["root"], "another root")
    times = sorted(r["ts"].strftime("%Y-%m-%dT%H:%M:%S.%fZ") for r in kept)
    first, last = s["span"]
    # Redacted rows have no time: what is left lies within.
    need(all(first <= t <= last for t in times) if redacted else [times[0], times[-1]] == [first, last], "another span")
