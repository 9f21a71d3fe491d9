"""What the service takes and refuses, byte by byte: paths, methods, bodies, numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.local.http.axon_routes import PublishParams
from axon_notebook.local.http.json_bodies import decode_object, decode_texts
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.local.refusals import Refusal

EVENT = {"source": "s", "event_type": "t", "origin": "USER_EVENT", "payload": "{}"}
LIMIT = "limit must be an integer from 1 to 5000."
AFTER = "after_sequence must be an integer from 0 to 9223372036854775807."
ORIGIN = "origin must be EXTERNAL_EVENT, AGENT_EVENT or USER_EVENT."
TYPE = "Content-Type must be application/json."


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in EVENT.items() if key != name}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v2/axons",
        "/v1/axons/",
        "//v1//axons",
        "/v1//axons",
        "/v1/axons/../x",
        "/v1/axons/.",
        "/v1/axons/%2e%2e",
        "/v1/axons/%2E%2E/publish",
        "/v1/axons/%00",
        "/v1/axons/a%2Fb",
        "/v1/axons/axn_x/",
        "/v1/axons/axn_x/none",
        "/v1/axons/axn_x/publish/",
        "/V1/AXONS",
        "/v1/axons;x",
        "/healthz/",
        "/v1/devboxes/%2e%2e",
        "/v1/devboxes/a%2Fb",
    ],
)
def test_an_unknown_path_is_not_found(wire: Any, path: str) -> None:
    """Paths are taken as they were sent; nothing is normalised into a match."""
    answer = wire.ask("GET", path)

    assert (answer.status, answer.message) == (404, "Not found.")


@pytest.mark.parametrize(
    "axon_id", ["axn_unknown", "x" * 10_000, "%22%27;--", "%C3%A9", "%F0%9F%98%80", "%ff"]
)
@pytest.mark.parametrize("rest", ["", "/events", "/subscribe/sse"])
def test_an_unknown_axon_is_not_found_and_not_repeated(wire: Any, axon_id: str, rest: str) -> None:
    """An echo of the id would carry an attacker's text into logs and pages."""
    answer = wire.ask("GET", f"/v1/axons/{axon_id}{rest}")

    assert (answer.status, answer.message) == (404, "Axon not found.")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PATCH", "/v1/axons", "GET, HEAD, POST"),
        ("DELETE", "/v1/axons", "GET, HEAD, POST"),
        ("PUT", "/v1/axons/axn_x", "DELETE, GET, HEAD, POST"),
        ("GET", "/v1/axons/axn_x/publish", "POST"),
        ("POST", "/v1/axons/axn_x/events", "GET, HEAD"),
        ("POST", "/v1/axons/axn_x/subscribe/sse", "GET, HEAD"),
        ("GET", "/v1/axons/axn_x/sql/query", "POST"),
        ("TRACE", "/v1/axons", "GET, HEAD, POST"),
    ],
)
def test_another_method_is_told_the_right_ones(
    wire: Any, method: str, path: str, allow: str
) -> None:
    """405 without Allow leaves the caller guessing."""
    answer = wire.ask(method, path)

    assert (answer.status, answer.message) == (405, "Method not allowed.")
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize("path", ["/v1/axons", "/v1/axons/{axon}/events", "/healthz"])
def test_head_answers_without_a_body(wire: Any, axon: str, path: str) -> None:
    """Monitors ask with HEAD."""
    answer = wire.ask("HEAD", path.format(axon=axon))

    assert (answer.status, answer.body) == (200, b"")


def test_head_of_a_stream_ends_at_once(wire: Any, axon: str) -> None:
    """A HEAD that stayed open would wait for ever."""
    answer = wire.ask("HEAD", f"/v1/axons/{axon}/subscribe/sse")

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"


@pytest.mark.parametrize(
    "declared",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/jsonx",
        "",
    ],
)
def test_a_body_that_is_not_declared_as_json_is_refused(
    wire: Any, axon: str, declared: str
) -> None:
    """A page can send the simple types without asking; JSON it cannot."""
    body = json.dumps(EVENT).encode()
    answer = wire.ask("POST", f"/v1/axons/{axon}/publish", f"Content-Type: {declared}", body=body)

    assert (answer.status, answer.message) == (415, TYPE)


@pytest.mark.parametrize(
    "declared",
    ["application/json; charset=utf-8", 'APPLICATION/JSON;charset="UTF-8"', "application/json"],
)
def test_json_in_utf8_is_taken_however_it_is_spelled(wire: Any, declared: str) -> None:
    """Clients differ in case and parameters."""
    answer = wire.ask("POST", "/v1/axons", f"Content-Type: {declared}", body=b'{"name":"x"}')

    assert answer.status == 200


@pytest.mark.parametrize("body", [None, b"", b"{}", b"  "])
def test_an_axon_needs_no_body(wire: Any, body: bytes | None) -> None:
    """Everything about a new axon is optional."""
    answer = wire.ask("POST", "/v1/axons", body=body)

    assert answer.status == 200
    assert answer.json["id"].startswith("axn_")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"source":"s",}', "Request body is not valid JSON: line 1 column 15."),
        (b'{\n "source": x}', "Request body is not valid JSON: line 2 column 12."),
        (b"{'source':1}", "Request body is not valid JSON: line 1 column 2."),
        (b'{"payload":NaN}', "Request body is not valid JSON: NaN is not a JSON number."),
        (
            b'{"payload":-Infinity}',
            "Request body is not valid JSON: -Infinity is not a JSON number.",
        ),
        (b"{", "Request body is not valid JSON: line 1 column 2."),
        (b"{} {}", "Request body is not valid JSON: line 1 column 4."),
        (b'{"payload":"\x01"}', "Request body is not valid JSON: line 1 column 13."),
        (b'\xff{"a":1}', "Request body is not UTF-8."),
        (b'{"payload":"\xed\xa0\x80"}', "Request body is not UTF-8."),
        (b"\xef\xbb\xbf{}", "Request body is not UTF-8."),
        ('{"payload":"x"}'.encode("utf-16"), "Request body is not UTF-8."),
        ('{"payload":"x"}'.encode("utf-16-le"), "Request body is not UTF-8."),
        (b"[" * 100_000, "JSON is nested deeper than 64."),
        (b'{"payload":' * 65 + b"1" + b"}" * 65, "JSON is nested deeper than 64."),
        (json.dumps(EVENT)[:-5].encode() + b"1" * 5000 + b"}", "payload must be a string."),
        (json.dumps(EVENT)[:-5].encode() + b"-1e999}", "payload must be a string."),
        (b'{"payload":"\\ud800"}', "Text has an unpaired surrogate."),
        (b'{"\\udc00":"x"}', "Text has an unpaired surrogate."),
        (b'{"payload":"\\ude00\\ud83d"}', "Text has an unpaired surrogate."),
        (b'{"source":"a","source":"b"}', 'Duplicate key "source".'),
        (b"[]", "Request body must be a JSON object."),
        (b'"text"', "Request body must be a JSON object."),
        (b"12", "Request body must be a JSON object."),
        (b"null", "Request body must be a JSON object."),
        (json.dumps(without("source")).encode(), "source must be a string."),
        (json.dumps(without("event_type")).encode(), "event_type must be a string."),
        (json.dumps(without("payload")).encode(), "payload must be a string."),
        (json.dumps(without("origin")).encode(), ORIGIN),
        (json.dumps({**EVENT, "payload": None}).encode(), "payload must be a string."),
        (json.dumps({**EVENT, "payload": {"a": 1}}).encode(), "payload must be a string."),
        (json.dumps({**EVENT, "source": 7}).encode(), "source must be a string."),
        (json.dumps({**EVENT, "origin": "SYSTEM_EVENT"}).encode(), ORIGIN),
        (json.dumps({**EVENT, "origin": ""}).encode(), ORIGIN),
        (json.dumps({**EVENT, "origin": "user_event"}).encode(), ORIGIN),
        (json.dumps({**EVENT, "origin": None}).encode(), ORIGIN),
        (b"", "source must be a string."),
    ],
)
def test_a_bad_body_is_told_what_is_wrong(wire: Any, axon: str, body: bytes, message: str) -> None:
    """Each mistake has its own sentence, and none is an internal error."""
    answer = wire.ask("POST", f"/v1/axons/{axon}/publish", body=body)

    assert (answer.status, answer.message) == (400, message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"name":1}', "name must be a string."),
        (b'{"metadata":[]}', "metadata must be an object."),
        (b'{"metadata":{"a":1}}', "every value of metadata must be a string."),
    ],
)
def test_a_bad_axon_is_told_what_is_wrong(wire: Any, body: bytes, message: str) -> None:
    """The same care for the registry."""
    answer = wire.ask("POST", "/v1/axons", body=body)

    assert (answer.status, answer.message) == (400, message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "sql must be a string."),
        (b'{"sql":1}', "sql must be a string."),
        (b'{"sql":"select 1","params":{}}', "params must be an array."),
    ],
)
def test_a_bad_statement_is_told_what_is_wrong(
    wire: Any, axon: str, body: bytes, message: str
) -> None:
    """The same care for SQL."""
    answer = wire.ask("POST", f"/v1/axons/{axon}/sql/query", body=body)

    assert (answer.status, answer.message) == (400, message)


def test_a_bad_step_of_a_batch_is_named(wire: Any, axon: str) -> None:
    """In a batch of many, the place is what the caller needs."""
    body = b'{"statements":[{"sql":"select 1"},{"sql":5}]}'
    answer = wire.ask("POST", f"/v1/axons/{axon}/sql/batch", body=body)

    assert (answer.status, answer.message) == (400, "statements[1].sql must be a string.")


@pytest.mark.parametrize("text", ['"\\ud83d\\ude00"', '"\\u0000"', '"\U0001f600"', '"\\\\ud800"'])
def test_proper_escapes_are_taken(wire: Any, axon: str, text: str) -> None:
    """Only a lone half of a pair is wrong; NUL and emoji are text."""
    body = f'{{"source":"s","event_type":"t","origin":"USER_EVENT","payload":{text}}}'.encode()
    axon_id = wire.create()

    assert wire.ask("POST", f"/v1/axons/{axon_id}/publish", body=body).status == 200
    event = wire.ask("GET", f"/v1/axons/{axon_id}/events").json["events"][0]
    assert event["payload"] == json.loads(text)


BAD_NUMBERS = [
    "-1",
    "1e3",
    "abc",
    "",
    "%205",
    "%EF%BC%91%EF%BC%92",
    "1_0",
    "9" * 20,
    "1.0",
    "0x5",
    "%2B5",
]


@pytest.mark.parametrize("value", ["0", "5001", *BAD_NUMBERS, "5&limit=5"])
@pytest.mark.parametrize("path", ["/v1/axons", "/v1/axons/{axon}/events"])
def test_a_bad_limit_is_refused(wire: Any, axon: str, path: str, value: str) -> None:
    """Python's int() takes several of these; the API must not."""
    answer = wire.ask("GET", f"{path.format(axon=axon)}?limit={value}")

    assert (answer.status, answer.message) == (400, LIMIT)


@pytest.mark.parametrize("value", [*BAD_NUMBERS, str(2**63), "1&after_sequence=2"])
def test_a_bad_after_sequence_is_refused(wire: Any, axon: str, value: str) -> None:
    """A stream from the wrong place would lose events silently."""
    answer = wire.ask("GET", f"/v1/axons/{axon}/subscribe/sse?after_sequence={value}")

    assert (answer.status, answer.message) == (400, AFTER)


@pytest.mark.parametrize("value", ["maybe", "1", "TRUE", "", "true&include_total_count=true"])
def test_a_bad_flag_is_refused(wire: Any, value: str) -> None:
    """`0` and `no` mean different things to different people."""
    answer = wire.ask("GET", f"/v1/axons?include_total_count={value}")

    assert (answer.status, answer.message) == (400, "include_total_count must be true or false.")


@pytest.mark.parametrize("cursor", ["0", "11", "-1", "abc", "x" * 10_000, "axn_other:3", "%C2%B2"])
def test_a_cursor_that_names_no_event_is_refused(wire: Any, axon: str, cursor: str) -> None:
    """An empty page would look like the end of the history."""
    answer = wire.ask("GET", f"/v1/axons/{axon}/events?starting_after={cursor}")

    assert (answer.status, answer.message) == (400, "starting_after: no such item.")


@pytest.mark.parametrize("cursor", ["axn_nobody", "x" * 10_000, "%27--"])
def test_a_cursor_that_names_no_axon_is_refused(wire: Any, cursor: str) -> None:
    """The same for the list of axons."""
    answer = wire.ask("GET", f"/v1/axons?starting_after={cursor}")

    assert (answer.status, answer.message) == (400, "starting_after: no such item.")


def test_a_repeated_request_id_is_answered_with_the_first_result(wire: Any) -> None:
    """The SDK repeats a publish whose answer it missed, under the same id."""
    axon_id = wire.create()
    first = wire.publish(axon_id, "1", "x-request-id: once")

    again = wire.publish(axon_id, "1", "x-request-id: once")

    assert again.json == first.json
    assert wire.publish(axon_id, "2").json["sequence"] == 2


def test_a_request_id_with_another_body_is_a_conflict(wire: Any) -> None:
    """Answering it with the first result would lose the second event."""
    axon_id = wire.create()
    wire.publish(axon_id, "1", "x-request-id: twice")

    answer = wire.publish(axon_id, "2", "x-request-id: twice")

    assert (answer.status, answer.message) == (409, "x-request-id was used with another body.")


@given(
    texts=st.lists(st.text(), min_size=4, max_size=4),
    escape=st.booleans(),
    spaced=st.booleans(),
    twice=st.sampled_from([None, "source", "payload", "event_type"]),
)
def test_the_quick_reading_of_a_body_equals_the_careful_one(
    texts: list[str], escape: bool, spaced: bool, twice: str | None
) -> None:
    """Speed must not let a repeated key, or anything else, slip through."""
    values = dict(zip(EVENT, texts, strict=True)) | {"origin": "AGENT_EVENT"}
    separators = (", ", ": ") if spaced else (",", ":")
    text = json.dumps(values, ensure_ascii=escape, separators=separators)
    if twice is not None:
        text = f'{{"{twice}":"",{text[1:]}'
    body = text.encode("utf-8", "surrogatepass")

    assert outcome(decode_texts, body) == outcome(decode_object, body)
    if twice is not None:
        assert outcome(decode_texts, body) == f'Duplicate key "{twice}".'


def outcome(decode: Any, body: bytes) -> Any:
    try:
        return decode(body, PublishParams)
    except Refusal as refusal:
        return refusal.message


def test_unknown_fields_are_ignored_and_the_log_names_them(
    wire: Any, service: ServiceAddress
) -> None:
    """The next version of a client may send some; it must not fail here for that."""
    axon_id = wire.create()
    single = json.dumps({**EVENT, "priority": 3}).encode()
    nested = json.dumps({"events": [EVENT, {**EVENT, "urgency": {"a": 1}}]}).encode()

    statuses = [
        wire.ask("POST", f"/v1/axons/{axon_id}/publish", body=single).status,
        wire.ask("POST", f"/v1/axons/{axon_id}/publish/batch", body=nested).status,
    ]

    log = (service.home / "service.log").read_text("utf-8")
    assert statuses == [200, 200]
    assert 'ignored the unknown field "priority" of PublishParams' in log
    assert 'ignored the unknown field "urgency" of PublishBatchParams' in log


@pytest.mark.parametrize("number", ["1e400", "-1e999", "1" * 5000])
def test_a_number_beyond_all_bounds_is_refused_by_its_place(wire: Any, number: str) -> None:
    """Rounded to infinity, it would be stored as something else."""
    body = b'{"sql":"select ?, ?","params":[1,' + number.encode() + b"]}"
    answer = wire.ask("POST", f"/v1/axons/{wire.create()}/sql/query", body=body)

    assert answer.status == 400
    assert answer.message.startswith("parameter 2 is ")
    assert answer.message.endswith("inf: send a finite number or null.")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/devboxes/disk_snapshots"),
        ("POST", "/v1/devboxes/disk_snapshots/snp_1/delete"),
        ("GET", "/v1/blueprints"),
        ("GET", "/v1/blueprints/bpt_1"),
        ("POST", "/v1/devboxes/dbx_1/snapshot_disk"),
        ("GET", "/v1/objects/list_public"),
    ],
)
def test_what_only_runloop_has_is_named_as_such(wire: Any, method: str, path: str) -> None:
    """Never as a devbox that was not found; and no client repeats the request."""
    answer = wire.ask(method, path)

    assert answer.status == 501
    assert "Runloop's" in answer.message
    assert answer.headers["x-should-retry"] == "false"
