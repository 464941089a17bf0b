"""Operations as a world: one state, the apps' tools over it, and what a sequence of calls is worth.

An outcome is strict when the state is the one that the required writes lead to (texts that say what
they must counting as equal), no write changed anything beside that, not even for a while, and no
negative assertion was broken. The state score (methods 6.1) pays for each required change and for
negative assertions only once all of them are made, so that doing nothing earns nothing. Nothing
here knows of models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rung.core.spelling import did_you_mean, quote
from rung.tasks.task import Example
from rung.worlds.canonical import canonical, contains
from rung.worlds.operations.apps import APPS, KINDS, TOOLS
from rung.worlds.operations.arguments import check
from rung.worlds.scoring import judge, settle
from rung.worlds.tables import Change, Refused, Tables
from rung.worlds.world import Call, Outcome, Result, Tool

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Workplace:
    """One example's workplace; every tool works in it, whichever of them an agent was given."""

    def __init__(self, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self.tables = Tables(tables, KINDS)

    def call(self, call: Call) -> Result:
        """Use a tool; a wrong call is a Result with an error and changes nothing."""
        entry = TOOLS.get(call.tool)
        if entry is None:
            return Result(
                error=f"no tool {quote(call.tool)}; {did_you_mean(call.tool, TOOLS)}", fault="input"
            )
        try:
            return Result(value=entry.run(self.tables, check(entry.tool, call.arguments)))
        except Refused as refusal:
            return Result(error=str(refusal), fault="input")


class Operations:
    """The world of the operations tasks."""

    name = "operations"

    def __init__(self, *, all_tools: bool = False) -> None:
        """With `all_tools`, every example offers the tools of all apps."""
        self.all_tools = all_tools

    def tools(self, example: Example) -> Sequence[Tool]:
        """Return the tools of the apps that the example offers, some of which it does not need."""
        apps = APPS if self.all_tools else example.setup["apps"]
        return [entry.tool for app in apps for entry in APPS[app].tools]

    def brief(self, example: Example) -> str:
        """Return what day it is and for whom the agent works."""
        today = date.fromisoformat(example.setup["today"])
        weekday, firm = _WEEKDAYS[today.weekday()], example.setup["desk"]
        return f"Today is {weekday}, {today}. You work at the operations desk of {firm}."

    def start(self, example: Example) -> Workplace:
        """Return a fresh session in the example's first state."""
        return Workplace(example.setup["tables"])

    def oracle(self, example: Example) -> Sequence[Call]:
        """Return look-ups and writes that solve the example, in a natural order.

        What they write is in the request, the brief, the tools or an earlier result.
        """
        return [Call(**call) for call in example.setup["oracle"]]

    def score(self, example: Example, calls: Sequence[Call]) -> Outcome:
        """Play the calls on a fresh session and judge what they changed.

        `details` holds `workflow`, `category` and `state_score` (0 to 1).
        """
        literals = example.setup["literals"]
        required = [Call(**call) for call in example.target["calls"]]
        asked = _Played(self.start(example), required)
        raw = _Played(self.start(example), calls)
        made = _Played(self.start(example), settle(required, raw.writes, literals))
        forbidden = _broken(example.setup["never"], raw.writes)
        unasked = _unasked(asked, made)
        return judge(
            required,
            raw.writes,
            literals,
            reached=made.changed == asked.changed,
            changed=bool(made.changed),
            unasked=unasked,
            forbidden=forbidden,
            details={
                "workflow": example.setup["workflow"],
                "category": example.setup["category"],
                "state_score": _state_score(
                    asked, made, num_rules=len(example.setup["never"]), harmless=not forbidden
                ),
            },
        )


class _Played:
    """What calls did: the writes that changed something, what each changed, what all did."""

    def __init__(self, workplace: Workplace, calls: Sequence[Call]) -> None:
        first = workplace.tables.copy()
        self.writes: list[Call] = []
        self.steps: list[Counter[Change]] = []
        for call in calls:
            if call.tool not in TOOLS or not TOOLS[call.tool].tool.writes:
                continue
            before = workplace.tables.copy()
            workplace.call(call)
            if step := workplace.tables.changes(before):
                self.writes.append(call)
                self.steps.append(step)
        self.changed = workplace.tables.changes(first)


def _unasked(asked: _Played, made: _Played) -> list[int]:
    """Return the positions of writes that changed what nobody asked for, or did so once more."""
    left = sum(asked.steps, Counter[Change]())
    positions = []
    for position, step in enumerate(made.steps):
        if step - left:
            positions.append(position)
        left -= step
    return positions


def _state_score(asked: _Played, made: _Played, *, num_rules: int, harmless: bool) -> float:
    """Return the share of required changes made, of all rules kept, 0 for doing anything else.

    The rules, and that nothing else was changed, count only once every required change is made.
    """
    if not harmless or made.changed - asked.changed:
        return 0.0
    num_asked = asked.changed.total()
    num_made = (asked.changed & made.changed).total()
    if num_made < num_asked:
        return num_made / (num_asked + num_rules)
    return 1.0


def _broken(rules: Sequence[Mapping[str, Any]], writes: Sequence[Call]) -> list[str]:
    """Return the names of the negative assertions that these writes break, each once."""
    broken = [rule["name"] for rule in rules if any(_breaks(rule, call) for call in writes)]
    return list(dict.fromkeys(broken))


def _breaks(rule: Mapping[str, Any], call: Call) -> bool:
    given = call.arguments
    return (
        call.tool == rule["tool"]
        and all(
            canonical(given.get(name)) == canonical(value)
            for name, value in rule["arguments"].items()
        )
        and all(
            contains(str(given.get(name, "")), part)
            for name, parts in rule["literals"].items()
            for part in parts
        )
    )
