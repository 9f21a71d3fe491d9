"""What we stand on is at least as new as the fixes that matter to us."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
NEEDED = {
    canonicalize_name(r.name): r for r in map(Requirement, PROJECT["project"]["dependencies"])
}

#: First version with the fix, and what it fixes; direct dependencies only.
FIXED = {
    "h2": ("4.3.0", "CVE-2025-57804: line breaks in headers"),
    "httpx": ("0.23.0", "CVE-2021-41945: URL confusion"),
}
#: What comes with them.
BROUGHT = {"h11": ("0.16.0", "CVE-2025-43859: malformed chunks"), "idna": ("3.7", "CVE-2024-3651")}


@pytest.mark.parametrize("name", FIXED)
def test_t25_no_version_with_a_known_hole_satisfies_us(name: str) -> None:
    """An old environment must be upgraded by the installation, not kept as it is."""
    first, why = FIXED[name]
    wanted = NEEDED[canonicalize_name(name)].specifier
    # The last version of each release line below the fix.
    below = [f"0.{minor}.99" for minor in range(Version(first).minor)]

    assert not [old for old in below if old in wanted], why
    assert version(name) in wanted


@pytest.mark.parametrize("name", [*FIXED, *BROUGHT])
def test_t25_what_is_installed_has_the_fix(name: str) -> None:
    """The tests speak for what they ran on."""
    first, why = (FIXED | BROUGHT)[name]

    assert Version(version(name)) >= Version(first), why


def test_t25_the_list_of_dependencies_is_short() -> None:
    """Each one more is one more to watch: a new one changes this number, too."""
    assert len(NEEDED) <= 14
    assert "jupyterlab" not in NEEDED


def test_t25_the_service_serves_no_files() -> None:
    """The holes of web frameworks are in what we do not use: static files, forms, sessions."""
    source = Path(__file__).parents[2] / "axon_notebook" / "local"
    used = "\n".join(path.read_text("utf-8") for path in source.rglob("*.py"))

    for name in ("StaticFiles", "FileResponse", "SessionMiddleware", "CORSMiddleware", ".form("):
        assert name not in used
