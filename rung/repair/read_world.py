"""Answers in worlds: one requirement a tool to write with, a negative assertion, nothing extra.

Writes are paired with the required ones as scoring pairs them, also those that changed nothing: a
write with a guessed id lands nowhere, and that is the failure to see. Where the agent was stopped,
that is the cause of what it had not done by then. No call is played here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rung.core.records import Row
from rung.gate.rows import Samples
from rung.repair.readers import STOPS, failing_row, is_outage, shown
from rung.repair.records import ANSWER, EXTRA, UNANSWERED, Miss
from rung.tasks.task import SIDE_EFFECTS, Example
from rung.worlds.scoring import Literals, Pair, match_call, name_cause, pair_calls
from rung.worlds.world import Call, World


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a miss of one example differs in from its others."""

    requirement: str
    cause: str
    detail: str
    expected: str
    got: str


class WorldReader:
    """Reads the answers of a task with a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def requirements(self, example: Example) -> Mapping[str, str]:
        """Return the tools of the required writes, the negative assertions, and `extra`."""
        place = place_of(example)
        names = [call.tool for call in _required(example)]
        rules = example.setup.get("never", ())
        never = [f"never:{rule.get('name', rule['tool'])}" for rule in rules]
        return {name: f"{place}: {name}" for name in (*names, *never, EXTRA, ANSWER)}

    def misses(self, example: Example, samples: Samples) -> list[Miss]:
        """Return the writes that were not made as required, and those nobody asked for."""
        row = failing_row(samples)
        if row is None:
            return []
        found = [*self._of_calls(example, row), *self._beside(example, row)]
        if is_outage(row):
            got = shown(row.error or "nothing")
            found = [_Found(requirement=ANSWER, cause=UNANSWERED, detail="", expected="", got=got)]
        elif not found:
            cause = row.cause or "wrong_argument"
            found = [_Found(requirement=ANSWER, cause=cause, detail="state", expected="", got="")]
        place, cost = place_of(example), samples.mean("error_cost_usd")
        return [
            Miss(
                example=example.id,
                group=example.group,
                requirement=one.requirement,
                scope=f"{place}: {one.requirement}",
                cause=one.cause,
                place=place,
                detail=one.detail,
                text=example.input,
                expected=one.expected,
                got=one.got,
                error_cost_usd=cost if one is found[0] else 0.0,
                p_pass=samples.mean("strict"),
                num_samples=len(samples.rows),
            )
            for one in found
        ]

    def _of_calls(self, example: Example, row: Row) -> list[_Found]:
        """Return one miss a tool, by its first required write that is not right.

        A request for ten deletions that were not made is one failure, not ten.
        """
        made = self._writes(example, row)
        wrong: dict[str, list[Pair]] = defaultdict(list)
        for pair in pair_calls(_required(example), made, _literals(example)):
            if pair.match < 1.0:
                wrong[pair.required.tool].append(pair)
        found = []
        for tool, (pair, *others) in wrong.items():
            call = None if pair.made is None else made[pair.made]
            more = f" and {len(others)} more" if others else ""
            found.append(
                _Found(
                    requirement=tool,
                    cause=_why(pair, call, row.cause),
                    detail=tool + _wrong_argument(pair, call),
                    expected=_text(pair.required) + more,
                    got="nothing" if call is None else _text(call),
                )
            )
        return found

    def _beside(self, example: Example, row: Row) -> list[_Found]:
        """Return broken negative assertions, and writes beside the required ones.

        Side effects are no miss of their own: what was written instead of what is one already.
        """
        found = [
            _Found(
                requirement=f"never:{name}",
                cause="forbidden",
                detail=name,
                expected=f"never: {name}",
                got="done",
            )
            for name in row.forbidden
            if name != SIDE_EFFECTS
        ]
        made = self._writes(example, row)
        meant = {pair.made for pair in pair_calls(_required(example), made, _literals(example))}
        extra = [call for at, call in enumerate(made) if at not in meant]
        counted = row.fields.get("extra_writes", 0.0) > 0 or row.cause == "over_action"
        if extra and counted:
            found.append(
                _Found(
                    requirement=EXTRA,
                    cause="over_action",
                    detail=extra[0].tool,
                    expected="no such write",
                    got=_text(extra[0]),
                )
            )
        return found

    def _writes(self, example: Example, row: Row) -> list[Call]:
        writing = {tool.name for tool in self._world.tools(example) if tool.writes}
        output = row.output if isinstance(row.output, dict) else {}
        calls = [call for call in output.get("calls") or () if isinstance(call, dict)]
        return [
            Call(tool=str(call["tool"]), arguments=dict(call.get("arguments") or {}))
            for call in calls
            if call.get("tool") in writing
        ]


def place_of(example: Example) -> str:
    """Return the workflow or template of an example, else the tools that solve it.

    A group is no place: it lies in one split, and train has to have the same places.
    """
    tools = "+".join(call.tool for call in _required(example))
    return str(example.setup.get("workflow") or example.setup.get("template") or tools)


def _required(example: Example) -> list[Call]:
    return [Call(**call) for call in example.target.get("calls", ())]


def _literals(example: Example) -> Sequence[Literals]:
    return list(example.setup.get("literals") or example.setup.get("says") or ())


def _text(call: Call) -> str:
    arguments = ", ".join(f"{name}={shown(value)}" for name, value in call.arguments.items())
    return shown(f"{call.tool}({arguments})")


def _why(pair: Pair, made: Call | None, stopped: str) -> str:
    if made is None:
        return stopped if stopped in STOPS else "missing_action"
    return name_cause([pair.required], [made], [pair.literals])


def _wrong_argument(pair: Pair, made: Call | None) -> str:
    """Return `.argument` for the first argument that is not as required."""
    if made is None:
        return ""
    for name, value in pair.required.arguments.items():
        one = Call(tool=pair.required.tool, arguments={name: value})
        literals = {name: pair.literals[name]} if name in pair.literals else {}
        if value is not None and match_call(one, made, literals) < 1.0:
            return f".{name}"
    return ""
