"""Solve one query, and say whether the solution follows from what can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rung.tasks.task import Example
from rung.worlds.workbench.options import Options
from rung.worlds.workbench.oracle import (
    analytics,
    calendar,
    customers,
    if_figures,
    mail,
    projects,
    several,
)
from rung.worlds.workbench.oracle.episode import Episode, Stuck
from rung.worlds.world import Call, World

FAMILIES = {
    **mail.FAMILIES,
    **calendar.FAMILIES,
    **analytics.FAMILIES,
    **projects.FAMILIES,
    **customers.FAMILIES,
    **several.FAMILIES,
    **if_figures.FAMILIES,
}


class Office(World, Protocol):
    """The world that is solved."""

    options: Options

    def required(self, example: Example) -> list[Call]:
        """Return the published answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Calls that solve an example."""

    calls: tuple[Call, ...]
    deduced: bool
    """Whether the calls were worked out without the published answer."""
    reason: str = ""
    """Why they were not, or why a reader of the query alone would do something else."""


def solve(world: Office, example: Example) -> Solution:
    """Return a solution; one that is not deduced ends with the published writes."""
    episode, reason = _work(world, example)
    calls = tuple(episode.calls)
    if not reason and world.score(example, calls).strict:
        return Solution(calls=calls, deduced=True, reason=episode.doubt)
    writes = _writes(world, example)
    looked = tuple(call for call in calls if call.tool not in writes)
    return Solution(
        calls=(*looked, *world.required(example)),
        deduced=False,
        reason=reason or "the published answer differs from what the query asks",
    )


def deduce(world: Office, example: Example) -> tuple[Call, ...] | None:
    """Return what a query asks to be written, worked out from the query alone; None where it
    cannot be, or a reader of it would do something else."""
    episode, reason = _work(world, example)
    if reason or episode.doubt:
        return None
    writes = _writes(world, example)
    return tuple(call for call in episode.calls if call.tool in writes)


def _work(world: Office, example: Example) -> tuple[Episode, str]:
    """Let the template's family work on a query; return what it did and why it got stuck."""
    episode = Episode(
        example=example,
        session=world.start(example),
        extra=bool(world.options.extra_tools),
        answers=world.options.extra_tools == "answers",
    )
    family = FAMILIES.get(str(example.setup.get("template")))
    try:
        if family is None:
            raise Stuck("no family knows this template")
        family(episode)
    except (Stuck, ValueError, LookupError) as stuck:
        return episode, str(stuck) or "stuck"
    return episode, ""


def _writes(world: Office, example: Example) -> set[str]:
    return {tool.name for tool in world.tools(example) if tool.writes}
