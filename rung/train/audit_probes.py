"""Answers whose worth is known by construction, to try a verifier on.

Right ones are the target in another order of keys, or in a world the oracle's calls with a look-up
more. Wrong ones differ from the target in a way that a lax verifier overlooks: a part of it, too
much of it, another's. What may be right after all (a field that is not scored) is never made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rung.agents.ids import id_arguments
from rung.core.hashing import canonical_json
from rung.tasks.fields import fold
from rung.tasks.task import Example, FieldScoring
from rung.train.rewards import Output, Verifier
from rung.worlds.canonical import canonical
from rung.worlds.world import Call, World

RIGHT = "right"
_MAX_ENTITY = 40
"""Longer argument values are free text, of which several wordings are right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One answer to one example."""

    example: Example
    family: str
    """`right`, or what is wrong with it."""
    output: Output


def trials_of(verifier: Verifier, examples: Sequence[Example]) -> Iterator[Trial]:
    """Yield what a verifier is tried on, of all examples."""
    for at, example in enumerate(examples):
        others = [*examples[at + 1 :], *examples[:at]]
        if verifier.world is not None:
            found = _of_world(verifier.world, example, others)
        else:
            found = _of_form(verifier.task.scoring, example, others)
        for family, output in found:
            yield Trial(example=example, family=family, output=output)


def _of_form(
    scoring: Mapping[str, FieldScoring], example: Example, others: Sequence[Example]
) -> Iterator[tuple[str, Output]]:
    target = dict(example.target)
    strict = [
        name
        for name, rule in scoring.items()
        if rule.scorer != "ignore" and rule.strict_at > 0 and target.get(name) is not None
    ]
    if not strict:
        return
    yield RIGHT, target
    yield RIGHT, dict(reversed(target.items()))
    yield "nothing", {}
    for name in strict:
        yield "omitted", {key: value for key, value in target.items() if key != name}
        yield "wrapped", target | {name: [target[name]]}
        for family, value in _wrong_values(name, scoring[name], target[name], others):
            yield family, target | {name: value}
    for other in others:
        if any(_differs(other.target.get(name), target[name], scoring[name]) for name in strict):
            yield "wrong target", dict(other.target)
            return


def _wrong_values(
    name: str, rule: FieldScoring, right: Any, others: Sequence[Example]
) -> Iterator[tuple[str, Any]]:
    values = (other.target.get(name) for other in others)
    wrong = next((value for value in values if _differs(value, right, rule)), None)
    if isinstance(right, bool) and wrong is None:
        wrong = not right
    if wrong is not None:
        yield "wrong value", wrong
    if isinstance(right, str) and len(right.split()) > 1:
        yield "prefix", " ".join(right.split()[: len(right.split()) // 2])
    if isinstance(right, str) and isinstance(wrong, str) and wrong:
        yield "spam", f"{right} {wrong}"
    if isinstance(right, list) and right:
        yield "prefix", right[:-1]
    if isinstance(right, list) and isinstance(wrong, list):
        more = [item for item in wrong if item not in right]
        if more:
            yield "spam", [*right, *more]


def _differs(value: Any, right: Any, rule: FieldScoring) -> bool:
    """Return whether a value is surely not the right one."""
    if value is None or isinstance(value, bool) != isinstance(right, bool):
        return False
    if isinstance(value, int | float) and isinstance(right, int | float):
        return abs(value - right) > rule.tolerance
    if isinstance(value, list) and isinstance(right, list):
        return {fold(canonical_json(v)) for v in value} != {fold(canonical_json(v)) for v in right}
    return fold(canonical_json(value)) != fold(canonical_json(right))


def _of_world(
    world: World, example: Example, others: Sequence[Example]
) -> Iterator[tuple[str, Output]]:
    writes = {tool.name: tool for tool in world.tools(example) if tool.writes}
    solved = list(world.oracle(example))
    look_ups = [call for call in solved if call.tool not in writes]
    yield RIGHT, _output(solved)
    yield RIGHT, _output([*look_ups[:1], *solved])
    made = [call for call in solved if call.tool in writes]
    if made:
        last = max(at for at, call in enumerate(solved) if call.tool in writes)
        if not _is_as_good(world, example, solved, []):
            yield "nothing", _output(look_ups)
            yield "prefix", _output(solved[:last])
        wrong = _altered(made[-1], others)
        if wrong is not None and not _is_as_good(world, example, solved, [*made[:-1], wrong]):
            yield "wrong value", _output([*solved[:last], wrong, *solved[last + 1 :]])
        # Another record may say already what this write says; the same record then does not.
        ids = id_arguments(writes[made[-1].tool].parameters)
        over = _altered(made[-1], others, keeping=ids)
        if over is not None and _works(world, example, solved, over):
            yield "clobber", _output([*solved, over])
    for other in others:
        theirs = [call for call in world.oracle(other) if call.tool in writes]
        if not theirs or _same(theirs, made):
            continue
        if made:
            yield "wrong target", _output(theirs)
        if _works(world, example, solved, theirs[0]) and not _same(theirs[:1], made):
            yield "spam", _output([*solved, theirs[0]])
            return


def _output(calls: Sequence[Call]) -> Output:
    return {"calls": [call.to_json() for call in calls], "answer": ""}


def _altered(call: Call, others: Sequence[Example], keeping: Collection[str] = ()) -> Call | None:
    """Return a call with one short argument as another example's call of the tool has it."""
    for other in others:
        for theirs in other.target.get("calls", ()):
            if theirs["tool"] != call.tool:
                continue
            for name, value in theirs["arguments"].items():
                mine = call.arguments.get(name)
                short = len(str(value)) <= _MAX_ENTITY and len(str(mine)) <= _MAX_ENTITY
                if name in keeping or mine is None or not short:
                    continue
                if canonical(mine) != canonical(value):
                    return Call(tool=call.tool, arguments={**call.arguments, name: value})
    return None


def _works(world: World, example: Example, before: Sequence[Call], call: Call) -> bool:
    """Return whether a call goes through once others were made, and leaves something: a request
    for it, too, is not met without it."""
    session = world.start(example)
    for one in before:
        session.call(one)
    if session.call(call).error:
        return False
    longer = _asking(example, [*example.target.get("calls", ()), call.to_json()])
    return not world.score(longer, before).strict


def _is_as_good(
    world: World, example: Example, solved: Sequence[Call], others: Sequence[Call]
) -> bool:
    """Return whether other writes to records leave the same, e.g. none where all stands there.

    The scorer must say so both ways, and the look-ups, made again behind either, show the same:
    the word of a lax scorer alone would not do.
    """
    writes = {tool.name: tool for tool in world.tools(example) if tool.writes}
    made = [call for call in solved if call.tool in writes]
    look_ups = [call for call in solved if call.tool not in writes]
    if not look_ups or not all(id_arguments(writes[call.tool].parameters) for call in made):
        return False
    if _shown(world, example, made, look_ups) != _shown(world, example, others, look_ups):
        return False
    asked = _asking(example, [call.to_json() for call in others])
    return world.score(asked, solved).strict and world.score(example, others).strict


def _shown(
    world: World, example: Example, made: Sequence[Call], look_ups: Sequence[Call]
) -> list[Any]:
    """Return what look-ups show once calls were made."""
    session = world.start(example)
    for call in made:
        session.call(call)
    return [session.call(call).value for call in look_ups]


def _asking(example: Example, calls: Sequence[Any]) -> Example:
    """Return the example as if it asked for these calls."""
    return replace(example, target={**example.target, "calls": list(calls)})


def _same(left: Sequence[Call], right: Sequence[Call]) -> bool:
    """Return whether every call on the left is also on the right."""
    known = {_key(call) for call in right}
    return all(_key(call) in known for call in left)


def _key(call: Call) -> str:
    arguments = {name: repr(canonical(value)) for name, value in call.arguments.items()}
    return canonical_json([call.tool, arguments])
