"""Directory: the firm's own people, and the vendors it works with."""

from __future__ import annotations

from rung.worlds.operations.app import App, find, look, text
from rung.worlds.tables import Kind

APP = App(
    name="directory",
    tables={
        "people": Kind(noun="person", prefix="P"),
        "vendors": Kind(noun="vendor", prefix="V"),
    },
    tools=(
        look(
            "directory.find",
            "Find colleagues and vendors with their mail addresses.",
            find("people", "vendors"),
            query=text("name, role, team, site or service"),
        ),
    ),
)
