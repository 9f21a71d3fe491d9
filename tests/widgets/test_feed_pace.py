"""Many feeds in one kernel."""

from __future__ import annotations

import pytest

from axon_notebook.widgets import feed as feed_module
from axon_notebook.widgets.feed import Feed


def test_many_feeds_share_what_the_notebook_server_can_carry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond a thousand messages a second of one kernel the notebook server loses some."""
    monkeypatch.setattr(feed_module, "_sending", {})
    alone = Feed.__new__(Feed)
    others = [Feed.__new__(Feed) for _ in range(60)]
    ticks = [feed._tick() for feed in [alone, *others]]

    assert ticks[0] >= feed_module.TICK_MS / 1000
    assert 61 / ticks[-1] <= 1000 / feed_module.SHARED_MS + 1


def test_a_crowd_of_feeds_sends_less_the_larger_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page draws the few that are seen, but the notebook server carries the messages of all."""
    monkeypatch.setattr(feed_module, "_sending", {})
    feeds = [Feed.__new__(Feed) for _ in range(100)]
    together = [count / feed._tick() for count, feed in enumerate(feeds, 1)]

    assert together[19] >= 1000 / feed_module.SHARED_MS
    assert together[49] <= 0.5 * together[19]
    assert together[99] <= together[49]
    assert feeds[-1]._tick() <= feed_module.MOST_TICK_SECONDS
