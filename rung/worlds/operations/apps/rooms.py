"""Rooms: which meeting rooms there are and which are free."""

from __future__ import annotations

from rung.worlds.operations.app import App, Arguments, clock, day, look, number, text
from rung.worlds.operations.apps.calendar import taken
from rung.worlds.tables import Kind, Row, Tables

MAX_SEATS = 500


def _find_free(state: Tables, given: Arguments) -> list[Row]:
    return [
        room
        for room in state.where("rooms", site=given["site"])
        if room["seats"] >= given["seats"]
        and not taken(state, room["id"], given["date"], given["start"], given["end"])
    ]


APP = App(
    name="rooms",
    tables={"rooms": Kind(noun="room", prefix="R")},
    tools=(
        look(
            "rooms.find_free",
            "List the rooms of a site that are free and large enough.",
            _find_free,
            site=text("site"),
            date=day(),
            start=clock(),
            end=clock(),
            seats=number("seats needed", 1, MAX_SEATS),
        ),
    ),
)
