"""What the table of runs sends to the page, and leaves in a saved notebook."""

from __future__ import annotations

import json
import secrets
import zlib
from pathlib import Path

import axon_notebook as an
from axon_notebook.local.process.launcher import ServiceAddress

RUN = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"


def test_the_page_gets_plain_values_and_the_notebook_escaped_ones(
    service: ServiceAddress, tmp_path: Path
) -> None:
    name = f"<b>{secrets.token_hex(4)}</b>"
    with an.connect(service.base_url, api_key=service.token) as client:
        client.import_recording(RUN, name)
        client.create_axon(f"{name} empty")
        with an.RunsTable(client.axon_set(f"{name}*")) as table:
            body = json.loads(zlib.decompress(table.saved_state()))
            html, text = table.static_html(), table.static_text()
            file = table.save_html(tmp_path / "runs.html").read_text("utf-8")
    names = [column["name"] for column in body["columns"]]
    empty, run = (dict(zip(["id", *names], row, strict=True)) for row in body["rows"])

    assert (run["turns"], run["axon_name"], run["cost"]) == (15, name, None)
    assert isinstance(run["started"], int)
    assert (empty["turns"], empty["started"], empty["last_sequence"]) == (0, None, None)
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    assert name in text
    assert '"opens": false' in file
    assert repr(table) == "<RunsTable of 2 runs>"
