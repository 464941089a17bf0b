"""A small office for agents: cards on a board, people, mail. Also one that outlives its process."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.agents.rendering import render_steps
from rung.agents.spec import AgentSpec
from rung.core.config import home
from rung.core.records import Message
from rung.tasks.task import Example
from rung.worlds.world import Call, Outcome, Result, Tool, World

INSTRUCTION = "You keep the team's board."
BRIEF = "Today is Thursday, 5 March 2026. You work for Kim."
LISTS = ["todo", "doing", "done"]
STATE: dict[str, Any] = {
    "cards": [
        {
            "card_id": "card_901",
            "title": "Summit budget",
            "list": "todo",
            "owner": "ana.li@kite.io",
        },
        {"card_id": "card_903", "title": "Summit venue", "list": "todo", "owner": "bo.ray@kite.io"},
        {"card_id": "card_917", "title": "Price list", "list": "doing", "owner": "ana.li@kite.io"},
    ],
    "people": [
        {"name": "Ana Li", "email": "ana.li@kite.io"},
        {"name": "Bo Ray", "email": "bo.ray@kite.io"},
        {"name": "Sam Ode", "email": "sam.ode@kite.io", "team": "legal"},
        {"name": "Sam Ode", "email": "sam.ode2@kite.io", "team": "sales"},
    ],
    "sent": [],
}


CALLS = {
    "type": "object",
    "properties": {"calls": {"type": "array"}},
    "required": ["calls"],
    "additionalProperties": False,
}


def write_task(rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write the task `desk`, whose world the test gives; return its folder."""
    folder = home() / "tasks" / "desk"
    folder.mkdir(parents=True)
    (folder / "task.toml").write_text(
        f'name = "desk"\ntitle = "Desk"\ninstruction = "{INSTRUCTION}"\nworld = "world.py"\n'
    )
    (folder / "form.json").write_text(json.dumps(CALLS))
    (folder / "world.py").write_text("WORLD = None\n")
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def step(name: str, /, **arguments: Any) -> str:
    """Return a step as a model writes it."""
    return json.dumps({"tool": name, "arguments": arguments})


def text(about: str = "") -> dict[str, Any]:
    return {"type": "string", "maxLength": 60, "description": about}


def tool(name: str, about: str, /, *, writes: bool = False, **arguments: Any) -> Tool:
    required = [key for key, schema in arguments.items() if not schema.pop("optional", False)]
    schema = {"type": "object", "properties": arguments, "required": required}
    return Tool(name=name, description=about, parameters=schema, writes=writes)


TOOLS = (
    tool("people.find", "Find people and their mail address by name.", name=text("part of it")),
    tool("cards.search", "Find cards by words of their title.", query=text("words in the title")),
    tool("cards.get", "Return one card.", card_id=text("id of the card")),
    tool(
        "cards.move",
        "Move a card to another list.",
        writes=True,
        card_id=text("id of the card"),
        list={"enum": LISTS},
    ),
    tool(
        "mail.send",
        "Send a mail.",
        writes=True,
        to=text("mail address"),
        subject=text(),
        urgent={"type": "boolean", "optional": True},
        body=text(),
    ),
)


def example(request: str, *calls: Call, answer: str = "Done.", id: str = "one") -> Example:
    target = {"calls": [call.to_json() for call in calls], "answer": answer}
    return Example(id=id, input=request, target=target, group=id)


MOVE = example(
    "Move the Summit venue card to doing.",
    Call(tool="cards.search", arguments={"query": "venue"}),
    Call(tool="cards.move", arguments={"card_id": "card_903", "list": "doing"}),
    answer="The card is in doing.",
)
MAIL = example(
    "Tell Bo Ray that the price list is done.",
    Call(tool="people.find", arguments={"name": "Bo"}),
    Call(
        tool="mail.send",
        arguments={"to": "bo.ray@kite.io", "subject": "Price list", "body": "It is done."},
    ),
    id="two",
)


@dataclass
class Board:
    """The office in memory; `fail` may answer in a tool's place."""

    name: str = "board"
    brief_text: str = BRIEF
    tool_list: Sequence[Tool] = TOOLS
    fail: Callable[[int, Call], Result | None] = lambda number, call: None

    def tools(self, example: Example) -> Sequence[Tool]:
        return self.tool_list

    def brief(self, example: Example) -> str:
        return self.brief_text

    def start(self, example: Example) -> Desk:
        return Desk(copy.deepcopy(STATE), self.fail)

    def oracle(self, example: Example) -> Sequence[Call]:
        return [Call(**call) for call in example.target["calls"]]

    def score(self, example: Example, calls: Sequence[Call]) -> Outcome:
        mine, theirs = self.start(example), self.start(example)
        for call in calls:
            mine.call(call)
        for call in self.oracle(example):
            theirs.call(call)
        same = mine.state == theirs.state
        return Outcome(action_level=float(same), strict=same)


@dataclass
class Desk:
    """One session."""

    state: dict[str, Any]
    fail: Callable[[int, Call], Result | None] = lambda number, call: None
    num_calls: int = 0

    def call(self, call: Call) -> Result:
        self.num_calls += 1
        failed = self.fail(self.num_calls, call)
        return failed if failed is not None else self._call(call.tool, call.arguments)

    def _call(self, tool: str, given: Mapping[str, Any]) -> Result:
        cards, people = self.state["cards"], self.state["people"]
        if tool == "people.find":
            wanted = given["name"].casefold()
            return Result(value=[p for p in people if wanted in p["name"].casefold()])
        if tool == "cards.search":
            wanted = given["query"].casefold()
            return Result(value=[c for c in cards if wanted in c["title"].casefold()])
        if tool == "mail.send":
            self.state["sent"].append(dict(given))
            return Result(value="sent")
        card = next((c for c in cards if c["card_id"] == given["card_id"]), None)
        if card is None:
            return Result(error=f"there is no card {given['card_id']!r}", fault="input")
        if tool == "cards.move":
            card["list"] = given["list"]
        return Result(value=dict(card))


@dataclass
class FileBoard(Board):
    """The office in a file; its sessions know the keys of the calls they were given."""

    path: Path = Path("board.json")

    def start(self, example: Example) -> FileDesk:
        return FileDesk(self.path)


@dataclass
class FileDesk:
    """Writes the state and the key of the call in one step."""

    path: Path

    def call(self, call: Call) -> Result:
        raise AssertionError("a session that outlives its process is called under a key")

    def call_once(self, key: str, call: Call) -> Result:
        stored = json.loads(self.path.read_text()) if self.path.exists() else {
            "state": STATE, "done": {}
        }  # fmt: skip
        if key in stored["done"]:
            return Result(**stored["done"][key])
        result = Desk(stored["state"]).call(call)
        stored["done"][key] = {"value": result.value, "error": result.error, "fault": result.fault}
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(stored))
        new.replace(self.path)
        return result


def rendered(
    spec: AgentSpec, world: World, example: Example, calls: Sequence[Call], **how: Any
) -> tuple[Message, ...]:
    """Return the whole conversation in which these calls are made, its end included."""
    messages, said = list(render_steps(spec, world, example, calls, **how))[-1]
    return (*messages, said)
