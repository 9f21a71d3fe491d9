"""``%%axon_prompt`` in a notebook: each cell shows and keeps its own turn."""

from __future__ import annotations

from playwright.sync_api import expect

from .chat_page import SETUP, Chat

AGENT = SETUP.replace("session = an.AgentSession(axon)\n", "") + "%load_ext axon_notebook\n"


def test_each_cell_has_its_own_turn_and_waits_for_an_answer(open_notebook):
    """The second cell does not repeat the first; a button is pressed while its cell runs."""
    cells = [
        AGENT,
        "%%axon_prompt -a axon\ncount *.txt",
        "%%axon_prompt -a axon -o trace\nedit notes.txt: one",
    ]
    notebook = open_notebook(cells, size=(1280, 1180))
    notebook.run_cell(0)
    notebook.run_cell(1)
    first = Chat(notebook)
    expect(first.turns).to_have_count(1)
    expect(first.turns.locator(".prompt-text")).to_have_text("count *.txt")
    expect(first.box).to_be_hidden()
    notebook.screenshot("prompt-first")

    notebook.run_cell(2, wait=False)
    second = Chat(notebook)
    expect(second.turns.locator(".prompt-text")).to_have_text("edit notes.txt: one", timeout=30_000)
    expect(second.turns).to_have_count(1)
    second.answer(second.turns.first, "Allow")
    notebook.wait_idle()
    second.ends(second.turns.first)

    expect(second.turns.locator(".ask-answer")).to_have_text("Allow")
    notebook.screenshot("prompt-second")
    earlier = " ".join(notebook.output(1).all_inner_texts())
    assert "count *.txt" in earlier
    assert "edit notes.txt" not in earlier
    shown = notebook.execute("print(trace['kind'].tolist(), len(trace) < 12)")
    assert "'tool'" in shown
    assert "'question'" in shown
    assert "True" in shown
