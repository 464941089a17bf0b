"""Chat: channels to post in."""

from __future__ import annotations

from rung.core.spelling import quote
from rung.worlds.operations.app import App, Arguments, look, text, write
from rung.worlds.tables import Kind, Refused, Row, Tables


def _find(state: Tables, given: Arguments) -> list[Row]:
    return state.search("channels", given["query"])


def _post(state: Tables, given: Arguments) -> Row:
    name = "#" + given["channel"].removeprefix("#").casefold()
    if not state.where("channels", name=name):
        raise Refused(f"no channel {quote(name)}; chat.find_channels lists them")
    return state.add("posts", {"channel": name, "text": given["text"]})


APP = App(
    name="chat",
    tables={
        "channels": Kind(noun="channel", prefix="CH"),
        "posts": Kind(noun="post", prefix="PO", body="text"),
    },
    tools=(
        look("chat.find_channels", "Find channels.", _find, query=text("name or purpose")),
        write(
            "chat.post",
            "Post in a channel.",
            _post,
            channel=text("name of the channel"),
            text=text("message"),
        ),
    ),
)
