"""What a user holds in a variable, against the real service."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import axon_notebook as an
from axon_notebook.errors import (
    BadRequest,
    ClosedError,
    NotFound,
    ParameterError,
    PublishError,
    SqlError,
    TransportError,
)
from axon_notebook.local.process.launcher import ServiceAddress, ensure_service, find_service
from axon_notebook.models import AxonEvent, AxonInfo


@pytest.fixture
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(service.base_url, api_key=service.token) as opened:
        yield opened


@pytest.fixture
def axon(client: an.Client) -> an.Axon:
    return client.create_axon("handles")


# -- connecting


def test_connecting_needs_no_account_and_sends_nothing(home: Path) -> None:
    """The first request starts the service, not the import and not connect()."""
    with an.connect(home=home) as client:
        assert find_service(home) is None

        axon = client.create_axon("first")

        assert axon.name == "first"
        assert find_service(home) is not None


def test_two_clients_of_a_home_share_one_service(home: Path) -> None:
    """What one notebook publishes, the other reads."""
    with an.connect(home=home) as one, an.connect(home=home) as other:
        one.create_axon("shared").publish("hello", {"n": 1})

        assert other.axon("shared").events()["event_type"].tolist() == ["hello"]


def test_a_closed_client_says_so(service: ServiceAddress) -> None:
    """A use after close is a bug of the caller, and the way out is named."""
    client = an.connect(service.base_url, api_key=service.token)
    client.close()
    client.close()

    with pytest.raises(ClosedError, match="connect"):
        client.create_axon()


def test_a_forgotten_client_warns(service: ServiceAddress) -> None:
    """Open connections have an owner."""
    client = an.connect(service.base_url, api_key=service.token)
    client.axons()

    with pytest.warns(ResourceWarning, match="unclosed <Client"):
        del client


def test_what_was_made_from_a_client_outlives_its_name(service: ServiceAddress) -> None:
    """`an.EventViewer(an.connect().axon(...))` is typed, and connecting cells are run again."""
    axon = an.connect(service.base_url, api_key=service.token).create_axon("kept alone")
    gc.collect()

    with axon.subscribe() as events:
        assert axon.publish("still").sequence == next(iter(events)).sequence
    axon.api.close()


# -- the registry


def test_an_axon_is_found_by_id_and_by_exact_name(client: an.Client) -> None:
    """Names are what people remember; a prefix is not a name."""
    made = client.create_axon("orders-2026", metadata={"team": "a"})
    client.create_axon("orders-2026-archive")

    assert client.axon(made.id).name == "orders-2026"
    assert client.axon("orders-2026").id == made.id
    assert made.info().metadata == {"team": "a"}


def test_a_name_that_comes_near_is_suggested(client: an.Client) -> None:
    """A typing mistake should cost seconds."""
    client.create_axon("deployments")

    with pytest.raises(NotFound, match="did you mean 'deployments'"):
        client.axon("deploymnets")


def test_axons_are_listed_newest_first_over_several_pages(client: an.Client) -> None:
    """More than a page is no reason to lose the rest."""
    ids = [client.create_axon("paged").id for _ in range(25)]

    listed = client.axons("paged", limit=100)

    assert listed["id"].tolist() == ids[::-1]
    assert client.axons("paged", limit=3)["id"].tolist() == ids[:-4:-1]


def test_metadata_is_replaced_and_deleted_axons_stay_readable(client: an.Client) -> None:
    """The registry remembers what was there; the events are gone."""
    axon = client.create_axon("short-lived", metadata={"a": "1"})
    axon.publish("x")
    axon.update(metadata={"b": "2"})

    axon.delete()

    info = axon.info()
    assert info.metadata == {"b": "2"}
    assert info.deleted_at_ms is not None
    with pytest.raises(NotFound):
        axon.publish("y")
    with pytest.raises(NotFound):
        client.axon("short-lived")


# -- publishing


def test_a_published_event_reads_back_word_for_word(axon: an.Axon) -> None:
    """What goes in comes out."""
    result = axon.publish("user.message", {"text": "é ☃ \0"}, source="me", origin="AGENT_EVENT")

    row = axon.events().iloc[0]

    assert result.sequence == 1
    assert row["payload"] == '{"text":"é ☃ \\u0000"}'
    assert (row["event_type"], row["source"], row["origin"]) == (
        "user.message",
        "me",
        "AGENT_EVENT",
    )
    assert row["timestamp"] == pd.Timestamp(result.timestamp_ms, unit="ms", tz="UTC")


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ("plain text", "plain text"),
        (None, "{}"),
        ([1, 2.5, None, True], "[1,2.5,null,true]"),
        ({"n": np.int64(7), "a": np.array([1, 2])}, '{"n":7,"a":[1,2]}'),
        ({"at": datetime(2026, 11, 22, tzinfo=UTC)}, '{"at":"2026-11-22T00:00:00Z"}'),
        ({"s": pd.Series([1, 2])}, '{"s":[1,2]}'),
    ],
)
def test_payloads_are_sent_as_text_or_json(axon: an.Axon, payload: object, text: str) -> None:
    """Numbers from numpy and pandas are numbers."""
    axon.publish("t", payload)

    assert axon.events(1)["payload"].tolist() == [text]


def test_a_payload_over_the_limit_is_refused_before_it_is_sent(axon: an.Axon) -> None:
    """The message has both sizes and the way out."""
    with pytest.raises(ParameterError, match="4,194,305 bytes, more than the 4,194,304"):
        axon.publish("big", "x" * 4_194_305)


def test_a_payload_of_exactly_the_limit_is_stored(axon: an.Axon) -> None:
    """The limit itself is allowed."""
    axon.publish("big", "x" * 4_194_304)

    assert axon.events(1)["payload"].str.len().tolist() == [4_194_304]


def test_many_events_keep_their_order(axon: an.Axon) -> None:
    """A recording is only worth something in its order."""
    events = [
        {"event_type": "a", "payload": 1},
        ("b", 2),
        AxonEvent(9, "x", 1, "SYSTEM_EVENT", "s", "c", "3"),
    ]

    frame = axon.publish_many(events)

    assert frame["sequence"].tolist() == [1, 2, 3]
    assert axon.events()["event_type"].tolist() == ["a", "b", "c"]
    assert axon.events()["origin"].tolist() == ["USER_EVENT", "USER_EVENT", "EXTERNAL_EVENT"]


def test_publishing_many_stops_at_the_first_failure_and_says_where(axon: an.Axon) -> None:
    """The rest can be sent without sending anything twice."""
    events = [("a", 1), ("b", 2), ("c", object()), ("d", 4)]

    with pytest.raises(PublishError, match=r"event 2 of 4 .* events\[2:\]") as caught:
        axon.publish_many(events)

    assert (caught.value.index, [r.sequence for r in caught.value.published]) == (2, [1, 2])
    assert axon.events()["event_type"].tolist() == ["a", "b"]


def test_an_answer_that_never_came_does_not_hide_that_the_event_may_be_stored() -> None:
    """Publishing again by reflex would store it twice; the message says where to look."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with an.connect(url, api_key="key") as client:
            axon = an.Axon(client._api, AxonInfo("axn_1", 0, "x"))
            with pytest.raises(TransportError) as caught:
                axon.publish("t")
        thread.join()

    assert "may have been stored" in "".join(caught.value._render_traceback_())


# -- SQL


def test_values_are_bound_by_place_and_by_name(axon: an.Axon) -> None:
    """A quote in a value is a quote in a value."""
    tricky = "it's; DROP TABLE x --"

    assert axon.sql("SELECT ? AS v", [tricky])["v"].tolist() == [tricky]
    assert axon.sql("SELECT :v AS v, ':v' AS w", {"v": tricky}).iloc[0].tolist() == [tricky, ":v"]


def test_integers_with_nulls_stay_exact(axon: an.Axon) -> None:
    """2**53 + 1 does not survive a float."""
    axon.execute("CREATE TABLE t(n INTEGER)")
    axon.execute("INSERT INTO t VALUES (?), (NULL)", [2**53 + 1])

    frame = axon.sql("SELECT n FROM t")

    assert frame["n"].dtype == "Int64"
    assert frame["n"].tolist() == [2**53 + 1, pd.NA]


def test_a_batch_is_one_transaction(axon: an.Axon) -> None:
    """All or nothing, and the message says which statement it was."""
    axon.batch(["CREATE TABLE t(x)", ("INSERT INTO t VALUES (?)", [1])])

    with pytest.raises(
        SqlError, match=r"statement 2 of 2: no such table: nope.*rolled back"
    ) as caught:
        axon.batch([("INSERT INTO t VALUES (?)", [2]), "INSERT INTO nope VALUES (1)"])

    assert caught.value.statement_index == 1
    assert axon.sql("SELECT x FROM t")["x"].tolist() == [1]


def test_a_failing_query_is_a_sql_error(axon: an.Axon) -> None:
    """Not an HTTP error: the statement is at fault."""
    with pytest.raises(SqlError, match="no such column: nope"):
        axon.sql("SELECT nope FROM rl_axon_events")


# -- reading


def test_events_are_the_newest_in_order_or_those_after_a_sequence(axon: an.Axon) -> None:
    """Two questions people ask: what happened last, and what happened since."""
    axon.publish_many([("t", i) for i in range(1, 11)])

    assert axon.events(3)["sequence"].tolist() == [8, 9, 10]
    assert axon.events(3, after_sequence=4)["sequence"].tolist() == [5, 6, 7]
    assert axon.events(after_sequence=10).empty


def test_events_can_be_narrowed(axon: an.Axon) -> None:
    """By type (with *), source and origin."""
    axon.publish("tool.call", source="a")
    axon.publish("tool.result", source="b", origin="AGENT_EVENT")
    axon.publish("turn", source="a")

    assert axon.events(event_type="tool.*")["sequence"].tolist() == [1, 2]
    assert axon.events(source="a", event_type="turn")["sequence"].tolist() == [3]
    assert axon.events(origin="AGENT_EVENT")["sequence"].tolist() == [2]


# -- following


def test_a_subscription_replays_and_then_follows(axon: an.Axon) -> None:
    """No seam between history and live."""
    axon.publish_many([("old", i) for i in range(3)])

    with axon.subscribe() as events:
        seen = [next(events).sequence for _ in range(3)]
        axon.publish("new")
        seen.append(next(events).sequence)

    assert seen == [1, 2, 3, 4]


def test_a_subscription_from_the_head_skips_the_history(axon: an.Axon) -> None:
    """For those who only want what comes from now on."""
    axon.publish("old")

    with axon.subscribe("head") as events:
        while events.state.name == "connecting":
            events.next_batch(timeout=0.01)
        axon.publish("new")

        assert next(events).event_type == "new"


def test_an_iteration_can_be_left_and_taken_up_again(axon: an.Axon) -> None:
    """A break in the middle of a batch loses nothing of it."""
    axon.publish_many([("t", i) for i in range(6)])

    with axon.subscribe() as events:
        first = [event.sequence for event, _ in zip(events, range(2), strict=False)]
        second = [next(events).sequence for _ in range(3)]

    assert [*first[:2], *second][-3:] in ([3, 4, 5], [4, 5, 6])
    assert len({*first, *second}) == len([*first, *second])


def test_closing_from_another_thread_ends_the_iteration(axon: an.Axon) -> None:
    """A reader that waits in silence is woken."""
    events = axon.subscribe()
    threading.Timer(0.2, events.close).start()

    assert list(events) == []


def test_a_forgotten_subscription_warns(axon: an.Axon) -> None:
    """Its thread and its connection have an owner."""
    events = axon.subscribe()
    events.next_batch(timeout=0.01)

    with pytest.warns(ResourceWarning, match="unclosed <Subscription"):
        del events


def test_following_an_axon_that_is_gone_is_a_typed_error(client: an.Client) -> None:
    """One request, one line, no retry for ever."""
    axon = client.create_axon("gone")
    axon.delete()

    with axon.subscribe() as events, pytest.raises(NotFound):
        next(events)


def test_what_the_server_refuses_names_its_reason(client: an.Client) -> None:
    """The server's sentence reaches the user."""
    with pytest.raises(BadRequest, match="limit must be"):
        client._api.list_axons(limit=0)


# -- the service goes away


def test_a_subscription_resumes_when_the_service_was_killed_and_started_again(home: Path) -> None:
    """After kill -9 the next use starts it, and the reader misses nothing."""
    with an.connect(home=home) as client:
        axon = client.create_axon("survivor")
        axon.publish("before")
        with axon.subscribe() as events:
            assert next(events).event_type == "before"
            os.kill(ensure_service(home).pid, signal.SIGKILL)

            result = axon.publish("after")

            assert next(events).sequence == result.sequence == 2
            assert events.stats().connections >= 2


INTERRUPTED = """
import _thread, sys, threading
import axon_notebook as an

with an.connect(home=sys.argv[1]) as client:
    axon = client.create_axon("quiet")
    with axon.subscribe() as events:
        while events.state.name != "live":
            events.next_batch(timeout=0.01)
        threading.Timer(0.5, _thread.interrupt_main).start()
        try:
            next(events)  # for ever, if nothing interrupted it
        except KeyboardInterrupt:
            pass
        axon.publish("still there")
        print(next(events).event_type)
"""


def test_the_stop_button_leaves_the_iteration_and_the_next_goes_on(home: Path) -> None:
    """An interrupt ends the wait, not the subscription."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", INTERRUPTED, str(home)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("still there\n", "")


def test_missing_events_are_warned_of() -> None:
    """The words a user sees when the server lost something."""
    from axon_notebook.wire.cursor import EventBatch
    from axon_notebook.wire.subscription import MissingEventsWarning, warn_of_missing

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_missing(EventBatch([], [], missing=((3, 3), (6, 8))))

    assert [str(w.message) for w in caught] == [
        "event 3 is not on the server (any more)",
        "events 6 to 8 are not on the server (any more)",
    ]
    assert {w.category for w in caught} == {MissingEventsWarning}
