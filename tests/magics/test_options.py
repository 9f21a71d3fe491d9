"""A magic's line is split without touching the SQL behind it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.errors import ParameterError
from axon_notebook.magics.options import Option, literal, scan
from axon_notebook.magics.registry import magics
from axon_notebook.magics.settings import outside_settings

OPTIONS = magics()["axonsql"].options

SQL_STARTS = ["SELECT", "WITH", "->> x", "-1", "-- c", "<< 3", "'it''s'", '"a  b"', "$x {y}", "=1"]


@given(
    start=st.sampled_from(SQL_STARTS),
    rest=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\n")),
    options=st.lists(
        st.sampled_from(["-q", "--all", "-n 5", "--to=rows", "-p k='a b'"]), max_size=3
    ),
)
def test_the_sql_arrives_byte_for_byte(start: str, rest: str, options: list[str]) -> None:
    """Whatever stands before it and whatever it holds."""
    sql = start + " " + rest
    line = " ".join([*options, sql])

    assert scan(line, OPTIONS, "%axonsql").rest == sql


@pytest.mark.parametrize(
    ("line", "values", "name", "rest"),
    [
        ("df <<", {}, "df", ""),
        ("df << -n 5 SELECT 1", {"limit": 5}, "df", "SELECT 1"),
        ("-n5 df<< SELECT 1 << 2", {"limit": 5}, "df", "SELECT 1 << 2"),
        ("-p a=1 -p b='x y' S", {"param": {"a": 1, "b": "x y"}}, None, "S"),
        ("--dates S", {"dates": True}, None, "S"),
        ("--dates=a,b S", {"dates": ["a", "b"]}, None, "S"),
        ("--file 'a b.sql'", {"file": "a b.sql"}, None, ""),
        ("--timeout 1.5 S", {"timeout": 1.5}, None, "S"),
        ("dfs SELECT", {}, None, "dfs SELECT"),
    ],
)
def test_scan(line: str, values: dict[str, object], name: str | None, rest: str) -> None:
    """Each form that the help shows."""
    assert scan(line, OPTIONS, "%axonsql") == (values, name, rest)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("true", True),
        ("null", None),
        ("[1, 'a']", [1, "a"]),
        ("a b", "a b"),
        ("1d", "1d"),
    ],
)
def test_literals_of_json_and_python(text: str, value: object) -> None:
    """People write either."""
    assert literal(text) == value


def test_abbreviations_are_off() -> None:
    """What ``--al`` means today may mean something else tomorrow."""
    with pytest.raises(ParameterError, match=r"has no option --al: did you mean --all\?"):
        scan("--al SELECT 1", OPTIONS, "%axonsql")


def test_every_option_has_a_help_and_no_two_share_a_form() -> None:
    """The table is what help and completion are made of."""
    forms = [form for option in OPTIONS for form in (option.long, option.short) if form]

    assert len(set(forms)) == len(forms)
    assert all(isinstance(option, Option) and option.help for option in OPTIONS)


def test_project_settings_are_weaker_than_the_environment(tmp_path: object) -> None:
    """And both are told apart from typos."""
    from pathlib import Path

    root = Path(str(tmp_path))
    (root / "pyproject.toml").write_text(
        '[tool.axon_notebook]\nlimit = 5\nto = "rows"\nlimt = 1\n', "utf-8"
    )
    (root / "deep" / "er").mkdir(parents=True)
    found = outside_settings(
        ["limit", "to"], environ={"AXON_NOTEBOOK_LIMIT": "7"}, start=root / "deep" / "er"
    )

    assert found.values == {"limit": 7, "to": "rows"}
    assert found.complaints == [
        "[tool.axon_notebook] has no setting limt: did you mean limit?",
    ]


def test_a_broken_project_file_is_one_complaint(tmp_path: object) -> None:
    """Loading the extension must not fail because of somebody's TOML."""
    from pathlib import Path

    root = Path(str(tmp_path))
    (root / "pyproject.toml").write_text("[tool", "utf-8")
    found = outside_settings(["limit"], environ={}, start=root)

    assert found.values == {}
    assert len(found.complaints) == 1
