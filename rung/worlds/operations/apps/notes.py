"""Notes: records of leases, projects, systems and meetings, each with a status."""

from __future__ import annotations

from typing import Any

from rung.worlds.operations.app import App, Arguments, find, id_of, look, optional, text, write
from rung.worlds.tables import Kind, Refused, Row, Tables


def _update(state: Tables, given: Arguments) -> Row:
    note = state.get("notes", given["note_id"])
    changed: dict[str, Any] = {}
    if "status" in given:
        changed["status"] = given["status"]
    if "text" in given:
        changed["text"] = f"{note.get('text', '')}\n{given['text']}".strip()
    if not changed:
        raise Refused("notes.update changes nothing; give status or text")
    return state.change("notes", note["id"], changed)


APP = App(
    name="notes",
    tables={"notes": Kind(noun="note", prefix="N", body="text")},
    tools=(
        look("notes.find", "Find notes.", find("notes"), query=text("title or words")),
        write(
            "notes.update",
            "Set the status of a note, add text to it.",
            _update,
            note_id=id_of("note", "N"),
            status=optional(text("new status")),
            text=optional(text("text to add")),
        ),
    ),
)
