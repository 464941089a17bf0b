"""Wiki: pages with the firm's rules and reports."""

from __future__ import annotations

from rung.worlds.operations.app import App, Arguments, find, id_of, look, text, write
from rung.worlds.tables import Kind, Row, Tables


def _create(state: Tables, given: Arguments) -> Row:
    return state.add("pages", given)


def _append(state: Tables, given: Arguments) -> Row:
    page = state.get("pages", given["page_id"])
    return state.change("pages", page["id"], {"text": f"{page['text']}\n{given['text']}"})


APP = App(
    name="wiki",
    tables={"pages": Kind(noun="page", prefix="W", body="text")},
    tools=(
        look("wiki.find_pages", "Find and read pages.", find("pages"), query=text("title")),
        write(
            "wiki.create_page",
            "Write a new page.",
            _create,
            space=text("space of the wiki"),
            title=text("title"),
            text=text("content"),
        ),
        write(
            "wiki.append",
            "Add text to a page.",
            _append,
            page_id=id_of("page", "W"),
            text=text("text to add"),
        ),
    ),
)
