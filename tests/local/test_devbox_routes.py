"""What the devbox and execution endpoints take and refuse, in plain HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from axon_notebook.local.process.launcher import ServiceAddress

UUID7 = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture(scope="module")
def http(service: ServiceAddress) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {service.token.reveal()}"}
    with httpx.Client(base_url=service.base_url, headers=headers, timeout=300) as http:
        yield http


@pytest.fixture(scope="module")
def box(http: httpx.Client) -> Iterator[str]:
    made = http.post("/v1/devboxes", json={}).json()
    yield f"/v1/devboxes/{made['id']}"
    http.post(f"/v1/devboxes/{made['id']}/shutdown")


@pytest.fixture(scope="module")
def done(http: httpx.Client, box: str) -> str:
    """An execution that has completed; it wrote `0123456789` and nothing on stderr."""
    body = {"command": "printf 0123456789", "command_id": UUID7}
    made = http.post(f"{box}/execute", json=body).json()
    return f"{box}/executions/{made['execution_id']}"


def refused(answer: httpx.Response, status: int, words: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["code"] == str(status)
    assert words in answer.json()["message"]
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("", {"name": 1}, 400, "name must be a string"),
        ("", {"mounts": [{"type": "broker_mount"}]}, 400, "axon_id"),
        ("", {"entrypoint": "x"}, 400, "entrypoint is not available"),
        ("", {"blueprint_id": 7}, 400, "blueprint_id must be a string"),
        ("", {"secrets": {"A": "NO"}}, 400, "set AXON_NOTEBOOK_SECRET_NO"),
        ("", {"launch_parameters": {"after_idle": {}}}, 400, "idle_time_seconds"),
        ("/dbx_none/execute_async", {"command": "x"}, 404, "Devbox not found."),
        ("/dbx_none/shutdown", {}, 404, "Devbox not found."),
        ("BOX/execute_async", {}, 400, "command must be a string"),
        ("BOX/execute_async", {"command": ""}, 400, "command must be text"),
        ("BOX/execute_async", {"command": "x\0y"}, 400, "command must be text"),
        ("BOX/execute", {"command": "x"}, 400, "command_id"),
        ("BOX/execute", {"command": "x", "command_id": "7"}, 400, "UUID of version 7"),
        ("BOX/execute_sync", {"command": "x", "attach_stdin": True}, 400, "attach_stdin"),
        ("BOX/wait_for_status", {"statuses": []}, 400, "at least one status"),
        ("BOX/wait_for_status", {"statuses": ["done"]}, 400, "statuses"),
        ("BOX/wait_for_status", {"statuses": ["suspended"], "timeout_seconds": 0}, 408, "none of"),
        ("EXECUTION/wait_for_status", {"statuses": []}, 400, "at least one status"),
        ("EXECUTION/send_std_in", {}, 400, "either a non-empty text or a signal"),
        ("EXECUTION/send_std_in", {"text": "x", "signal": "EOF"}, 400, "either"),
        ("EXECUTION/send_std_in", {"text": ""}, 400, "either"),
        ("EXECUTION/send_std_in", {"signal": "KILL"}, 400, "signal"),
        ("EXECUTION/send_std_in", {"text": "x"}, 400, "without attach_stdin"),
        ("BOX/executions/none/kill", {}, 404, "Execution not found."),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(
    http: httpx.Client, box: str, done: str, path: str, body: Any, status: int, words: str
) -> None:
    """The message is all that a user of another tool gets to see."""
    url = path.replace("BOX", box).replace("EXECUTION", done)
    url = url if url.startswith("/v1") else f"/v1/devboxes{url}"

    refused(http.post(url, json=body), status, words)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("offset=-1", "offset must be an integer from 0"),
        ("offset=abc", "offset must be"),
        ("offset=9223372036854775808", "offset must be"),
        ("offset=1.0", "offset must be"),
    ],
)
def test_an_offset_is_a_number_of_bytes(
    http: httpx.Client, done: str, query: str, words: str
) -> None:
    """Guessing what was meant would lose or repeat output."""
    refused(http.get(f"{done}/stream_stdout_updates?{query}"), 400, words)


@pytest.mark.parametrize(
    ("query", "frames"),
    [
        ("", [("0123456789", 10)]),
        ("?offset=", [("0123456789", 10)]),
        ("?offset=0", [("0123456789", 10)]),
        ("?offset=7", [("789", 10)]),
        ("?offset=10", []),
        ("?offset=99", []),
    ],
)
def test_a_stream_is_plain_frames_from_the_offset_to_the_end(
    http: httpx.Client, done: str, query: str, frames: list[tuple[str, int]]
) -> None:
    """No id, no retry, no event: they break the official Python SDK."""
    answer = http.get(f"{done}/stream_stdout_updates{query}")
    expected = "".join(
        f'data: {{"output":"{t}","offset":{o},"order":{o - len(t)}}}\n\n' for t, o in frames
    )

    assert answer.text == expected
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "no-cache" in answer.headers["cache-control"]


def test_a_chunk_is_at_most_64_kib_and_ascii(http: httpx.Client, box: str) -> None:
    """Some clients split lines at U+2028; all of them have to hold a chunk in memory."""
    command = "yes 'é\u2028' | head -c 300000"
    made = http.post(f"{box}/execute_sync", json={"command": command}).json()
    logs = http.get(f"{box}/logs").json()["logs"]
    execution = next(log["cmd_id"] for log in logs if log.get("cmd") == command)
    raw = http.get(f"{box}/executions/{execution}/stream_stdout_updates").content
    frames = [json.loads(line[6:]) for line in raw.decode("ascii").split("\n") if line]

    assert "".join(f["output"] for f in frames) == made["stdout"]
    assert max(len(f["output"].encode()) for f in frames) <= 64 * 1024
    assert frames[-1]["offset"] == 300_000


@pytest.mark.parametrize(
    ("kind", "body", "status", "words"),
    [
        ("application/json", b"{}", 415, "multipart/form-data"),
        ("multipart/form-data", b"x", 415, "with a boundary"),
        ("multipart/form-data; boundary=b", b"", 400, "The form is empty"),
        ("multipart/form-data; boundary=b", b"x", 400, "The form is incomplete"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n\r\nx", 400, "is incomplete"),
        ("multipart/form-data; boundary=b", b"--b--", 400, "the fields path and file"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n',
            400,
            "the fields path and file",
        ),
        ("multipart/form-data; boundary=" + "b" * 201, b"x", 400, "1 to 200 characters"),
    ],
)
def test_an_upload_that_is_no_form_is_refused(
    http: httpx.Client, box: str, kind: str, body: bytes, status: int, words: str
) -> None:
    """Nothing is written before the form is complete."""
    answer = http.post(f"{box}/upload_file", content=body, headers={"content-type": kind})

    refused(answer, status, words)


def test_an_upload_may_name_its_path_last(http: httpx.Client, box: str) -> None:
    """The order of the fields of a form is the client's."""
    head = b"--b\r\nContent-Disposition: form-data; name="
    body = head + b'"file"; filename="x"\r\n\r\na\r\nb\r\n' + head + b'"path"\r\n\r\nlast\r\n--b--'
    kind = {"content-type": "multipart/form-data; boundary=b"}
    answer = http.post(f"{box}/upload_file", content=body, headers=kind)
    read = http.post(f"{box}/read_file_contents", json={"file_path": "last"})

    assert (answer.status_code, read.text) == (200, "a\r\nb")


def test_other_methods_are_refused_by_name(http: httpx.Client, box: str, done: str) -> None:
    """The answer says which ones there are."""
    for url, allow in ((box, "GET, HEAD, POST"), (f"{box}/execute", "POST"), (done, "GET, HEAD")):
        answer = http.delete(url)

        assert (answer.status_code, answer.headers["allow"]) == (405, allow)


def test_a_repeated_request_runs_its_command_once(http: httpx.Client, box: str) -> None:
    """The SDK sends it again, under the same id, when the answer was lost."""
    headers = {"x-request-id": "again-1"}
    body = {"command": "echo x >> repeated"}
    first, again = [
        http.post(f"{box}/execute_async", json=body, headers=headers).json() for _ in range(2)
    ]
    other = http.post(f"{box}/execute_async", json={"command": "true"}, headers=headers)
    http.post(
        f"{box}/executions/{first['execution_id']}/wait_for_status",
        json={"statuses": ["completed"]},
    )
    content = http.post(f"{box}/execute_sync", json={"command": "cat repeated"}).json()["stdout"]

    assert first["execution_id"] == again["execution_id"]
    refused(other, 409, "another body")
    assert content == "x\n"


def test_a_completed_command_is_not_waited_for_in_vain(http: httpx.Client, done: str) -> None:
    """It will never run again, so there is nothing to hold the request for."""
    answer = http.post(f"{done}/wait_for_status", json={"statuses": ["running"]})

    assert answer.json()["status"] == "completed"


def test_a_devbox_can_be_renamed_and_kept_alive(http: httpx.Client, box: str) -> None:
    """A local devbox has no time limit; asking for more time is not an error."""
    renamed = http.post(box, json={"name": "new", "metadata": {"a": "b"}}).json()

    assert (renamed["name"], renamed["metadata"]) == ("new", {"a": "b"})
    assert http.get(box).json() == renamed
    assert http.post(f"{box}/keep_alive").json() == {}


def test_lists_take_what_the_api_says(http: httpx.Client, box: str) -> None:
    """Each parameter with its own refusal."""
    page = http.get("/v1/devboxes?limit=1&include_total_count=false").json()

    assert (len(page["devboxes"]), page["total_count"]) == (1, None)
    refused(http.get("/v1/devboxes?status=done"), 400, "status must be one of")
    refused(http.get("/v1/devboxes?limit=0"), 400, "limit must be an integer")
    refused(http.get("/v1/devboxes?starting_after=dbx_none"), 400, "no such item")
    refused(http.get(f"{box}/logs?execution_id=none"), 404, "Execution not found.")
