"""The site is built without a network, has no dead end, and documents every public name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import axon_notebook as an

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


class Loaded(HTMLParser):
    """Collects what a browser would load by itself when it shows a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "link" and found.get("rel") in ("canonical", "alternate", "next", "prev"):
            return
        if address := found.get(LOADED.get(tag, "")):
            self.addresses.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning of mkdocs is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def html(site: Path) -> Iterator[tuple[Path, str]]:
    return ((path, path.read_text("utf-8")) for path in sorted(site.rglob("*.html")))


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    """Docs are read on trains and in data centres without a way out."""
    foreign, missing = [], []
    for path, text in html(site):
        parser = Loaded()
        parser.feed(text)
        for address in parser.addresses:
            parts = urlsplit(address)
            if parts.netloc:
                foreign.append((path.name, address))
            elif parts.path and path.name != "404.html":
                target = (path.parent / unquote(parts.path)).resolve()
                missing += [] if target.exists() else [(path.name, address)]

    assert (foreign, missing) == ([], [])


@pytest.mark.parametrize("name", an.__all__)
def test_the_reference_documents_every_public_name(site: Path, name: str) -> None:
    """A name that is missing there was forgotten, or should not be public."""
    text = (site / "reference.html").read_text("utf-8")

    assert re.search(rf'id="axon_notebook\.(?:[\w.]+\.)?{name}"', text)


def test_the_reference_shows_no_markup_of_docstrings(site: Path) -> None:
    """Roles and double colons are for `help()`, not for a page."""
    text = (site / "reference.html").read_text("utf-8")

    assert re.findall(r":(?:class|meth|func|attr|mod|data):|<p>::</p>|={5,}", text) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """Also on GitHub, where nobody builds the site."""
    links = [link.partition("#")[0] for link in LINK.findall(page.read_text("utf-8"))]
    local = [link for link in links if link and not urlsplit(link).scheme]

    assert [link for link in local if not (page.parent / link).exists()] == []


def test_pictures_are_small() -> None:
    """A README is opened more often than it is read."""
    pictures = sorted((REPOSITORY / "docs" / "images").glob("*.png"))

    assert pictures
    assert {p.name: p.stat().st_size for p in pictures if p.stat().st_size > 300_000} == {}
