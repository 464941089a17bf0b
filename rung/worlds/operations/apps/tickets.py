"""Tickets: work that somebody is to do."""

from __future__ import annotations

from typing import Any

from rung.worlds.operations.app import (
    App,
    Arguments,
    email,
    find,
    id_of,
    look,
    one_of,
    optional,
    text,
    write,
)
from rung.worlds.tables import Kind, Refused, Row, Tables

STATUSES = ("open", "in_progress", "scheduled", "on_hold", "resolved")
PRIORITIES = ("low", "normal", "high", "urgent")


def _create(state: Tables, given: Arguments) -> Row:
    return state.add("tickets", {**given, "status": "open", "comments": []})


def _update(state: Tables, given: Arguments) -> Row:
    ticket = state.get("tickets", given["ticket_id"])
    changed: dict[str, Any] = {
        name: value for name, value in given.items() if name not in ("ticket_id", "comment")
    }
    if "comment" in given:
        changed["comments"] = [*ticket.get("comments", []), given["comment"]]
    if not changed:
        raise Refused("tickets.update changes nothing; give status, priority, assignee or comment")
    return state.change("tickets", ticket["id"], changed)


APP = App(
    name="tickets",
    tables={"tickets": Kind(noun="ticket", prefix="T")},
    tools=(
        look("tickets.find", "Find tickets.", find("tickets"), query=text("words of the ticket")),
        write(
            "tickets.create",
            "Open a ticket.",
            _create,
            title=text("what is to be done"),
            priority=one_of(*PRIORITIES),
            assignee=email("who does it"),
        ),
        write(
            "tickets.update",
            "Change a ticket or comment on it.",
            _update,
            ticket_id=id_of("ticket", "T"),
            status=optional(one_of(*STATUSES)),
            priority=optional(one_of(*PRIORITIES)),
            assignee=optional(email("who does it")),
            comment=optional(text("comment")),
        ),
    ),
)
