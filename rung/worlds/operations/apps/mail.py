"""Mail: the desk's inbox, and what it sends."""

from __future__ import annotations

from rung.worlds.operations.app import App, Arguments, email, find, look, text, write
from rung.worlds.tables import Kind, Row, Tables


def _send(state: Tables, given: Arguments) -> Row:
    return state.add("messages", {"from": "this desk", **given})


APP = App(
    name="mail",
    tables={"messages": Kind(noun="message", prefix="M", body="text")},
    tools=(
        look("mail.find", "Find messages.", find("messages"), query=text("sender or words")),
        write(
            "mail.send",
            "Send a mail.",
            _send,
            to=email(),
            text=text("message"),
        ),
    ),
)
