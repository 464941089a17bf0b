"""A case: one drawn situation with the calls that solve it, and the workflow it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from rung.worlds.operations.desk import Desk
from rung.worlds.scoring import Literals
from rung.worlds.world import Call

Category = Literal["scheduling", "compliance", "facilities", "legal", "cross_system"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
"""The categories of the published holdout (mission, section 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call of the solution; whether it is a look-up or a required write, its tool says."""

    call: Call
    says: Literals
    """Of its free-text arguments, what they must contain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Never:
    """A negative assertion: no write may use the tool with these arguments."""

    name: str
    """What would have happened, for reports: `shared_private_file`."""
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    says: Literals = field(default_factory=dict)
    """By argument, literals that its text must not all contain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a workflow draws at a desk, beside the rows it puts there."""

    facts: Mapping[str, str]
    """What the request is filled with."""
    steps: Sequence[Step]
    """The solution, look-ups included, in a natural order."""
    never: Sequence[Never] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A kind of case; what its rule decides is the docstring of `draw`."""

    name: str
    category: Category
    apps: tuple[str, ...]
    file: str
    """Name of the Python file it is in, and of the TOML file that its words are in."""
    draw: Callable[[Desk], Case]


def use(tool: str, /, says: Literals | None = None, **arguments: Any) -> Step:
    """Return one step of a solution."""
    return Step(call=Call(tool=tool, arguments=arguments), says=says or {})


def never(
    name: str, tool: str, /, says: Mapping[str, Sequence[str]] | None = None, **arguments: Any
) -> Never:
    """Return one negative assertion."""
    return Never(name=name, tool=tool, arguments=arguments, says=says or {})


def workflow(category: Category, apps: str) -> Callable[[Callable[[Desk], Case]], Workflow]:
    """Return a decorator that makes a function, which draws cases, a workflow of its name.

    `apps` names all that any of its cases needs, so that what an example offers tells nothing.
    """

    def make(draw: Callable[[Desk], Case]) -> Workflow:
        return Workflow(
            name=draw.__name__,
            category=category,
            apps=tuple(apps.split()),
            file=draw.__module__.rsplit(".", 1)[-1],
            draw=draw,
        )

    return make
