"""What a model is told when a step went wrong: one scripted text a case, and retries by code.

Each text shows the failing value and the rule it breaks, and what to do instead. Nothing here asks
a model, raises a temperature or rewrites what the model said. A tool's own failure is not the
model's: the same call is made again by code, unless it is a write that may have been done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rung.agents.cards import signature
from rung.core.spelling import did_you_mean
from rung.forms.validity import Violation, violations
from rung.worlds.world import Call, Result, Tool

MAX_TOOL_RETRIES = 2
"""How often code makes a call again that failed through the tool's own fault."""
MAX_STALLED = 3
"""Turns in a row in which nothing could be done, after which an agent stops."""
TOO_EARLY = "The work is not ended: what came before did not go well."
_MAX_SHOWN = 160
_MAX_PROBLEMS = 3


def too_many(num_left: int, limit: int) -> str:
    """Return what to say of a turn of more calls than are made."""
    return f"The last {num_left} calls were not made: a turn holds {limit} at most."


def perform(make: Callable[[Call], Result], call: Call, *, retries: int) -> list[Result]:
    """Make a call, again while the tool itself fails; return every result, the last one counts."""
    results = [make(call)]
    while results[-1].fault == "tool" and len(results) <= retries:
        results.append(make(call))
    return results


def malformed(problem: str, shape: str) -> str:
    """Return what to say to a turn that holds no step."""
    return f"That could not be read: {problem}. Nothing was done. Answer with {shape}"


def unknown_tool(name: str, names: Sequence[str]) -> str:
    """Return what to say to a tool that does not exist."""
    return f"There is no tool {name!r}; {did_you_mean(name, names)} Nothing was done."


def bad_arguments(tool: Tool, problems: str) -> str:
    """Return what to say to arguments that break the tool's schema."""
    return f"{tool.name} was not run: {problems}. Its form: {signature(tool)}"


def refused(result: Result, tool: Tool) -> str:
    """Return what to say when a tool refuses its arguments."""
    return f"{tool.name} failed: {_stop(result.error)} Its form: {signature(tool)}"


def out_of_order(call: Call, result: Result, num_tries: int) -> str:
    """Return what to say when a tool does not work, however often it is asked."""
    tries = f" ({num_tries} tries)" if num_tries > 1 else ""
    return f"{call.tool} does not work now{tries}: {_stop(result.error)} Nothing was done."


def broken_off(call: Call, result: Result) -> str:
    """Return what to say when a tool broke off a write on a system that is not ours to reset."""
    return (
        f"{call.tool} broke off: {_stop(result.error)} It may have been done or not;"
        " look it up before you go on."
    )


def nothing_found(call: Call, tool: Tool | None) -> str:
    """Return what to say to a look-up without a result; the arguments stand as in its form."""
    form = tool.parameters.get("properties", {}) if tool is not None else {}
    names = dict.fromkeys([*(name for name in form if name in call.arguments), *call.arguments])
    asked = ", ".join(f"{name} {call.arguments[name]!r}" for name in names)
    return f"Nothing found{f' for {asked}' if asked else ''}. Try other or fewer words."


def repeated(call: Call, step: int, *, writes: bool) -> str:
    """Return what to say to a call that was made before."""
    if writes:
        return f"{call.tool} was already done with these arguments in step {step}. Go on."
    return (
        f"{call.tool} was already asked in step {step}, and nothing has changed since."
        " Use that result, or ask something else."
    )


def doubted(call: Call, step: int) -> str:
    """Return what to say to a write that may have been done in an earlier step."""
    return f"{call.tool} may have been done in step {step}. Look it up first."


def argument_problems(call: Call, schema: Any) -> list[Violation]:
    """Return what is wrong with a call's arguments by its tool's schema."""
    return violations(dict(call.arguments), schema)


def told_problems(problems: Sequence[Violation]) -> str:
    """Return the first rules that are broken, each with its argument and value."""
    return "; ".join(_told(problem)[:_MAX_SHOWN] for problem in problems[:_MAX_PROBLEMS])


def _told(problem: Violation) -> str:
    where = ".".join(map(str, problem.path))
    text = problem.message.rstrip(".")
    return f"{where}: {text}" if where else text


def _stop(error: str) -> str:
    return error if error.endswith((".", "!", "?")) else f"{error}."
