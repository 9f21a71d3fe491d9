"""One statement on many axons in one request, over plain HTTP."""

from __future__ import annotations

import secrets
from typing import Any

import httpx
import pytest

import axon_notebook as an
from axon_notebook.local.process.launcher import ServiceAddress


def ask(service: ServiceAddress, **body: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {service.token.reveal()}"}
    return httpx.post(f"{service.base_url}/v1/axons/sql/query", json=body, headers=headers)


def test_each_axon_answers_by_itself(service: ServiceAddress) -> None:
    """In the order in which they were named; one that refuses does not lose the others."""
    with an.connect(service.base_url, api_key=service.token) as client:
        a, b = (client.create_axon(f"many-{secrets.token_hex(4)}") for _ in range(2))
        a.execute("CREATE TABLE t (v)")
        a.execute("INSERT INTO t VALUES (7)")
    ids = [b.id, "axn_nobody", a.id]
    answer = ask(service, axon_ids=ids, sql="SELECT v FROM t WHERE v > ?", params=[1])
    results = answer.json()["results"]

    assert answer.status_code == 200
    assert [result["axon_id"] for result in results] == ids
    assert [result["error"] and result["error"]["status"] for result in results] == [400, 404, None]
    assert "no such table: t" in results[0]["error"]["message"]
    assert results[2]["success"]["rows"] == [[7]]


@pytest.mark.parametrize("ids", [[], ["axn_x"] * 251])
def test_no_and_too_many_axons_are_refused(service: ServiceAddress, ids: list[str]) -> None:
    answer = ask(service, axon_ids=ids, sql="SELECT 1")

    assert answer.status_code == 400
    assert "axon_ids must have 1 to 250 elements" in answer.json()["message"]
