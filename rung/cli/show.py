"""`rung show NAME`: a task's contract, splits, form, error costs and routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rung.cli.options import AsJson, TaskName
from rung.cli.out import print_json

_EMPTY: tuple[Any, ...] = ("", (), [])


def show(
    name: TaskName,
    as_json: AsJson = False,
) -> None:
    """Show a task: instruction, splits with hashes, form, scoring, error costs, gate, routes."""
    from rung.flow.show import describe
    from rung.report.format import plain

    about = describe(name)
    if as_json:
        print_json(about)
        return
    told = "\n".join(map(plain, about["instruction"].splitlines()))
    print(f"{about['task']}: {plain(about['title'])}\n{told}\n")
    print("splits")
    for split, (count, digest) in about["splits"].items():
        print(f"  {split:<8} {count:>7}  sha256 {digest[:16]}")
    print("form")
    for slot in about["form"]:
        indent = slot[: len(slot) - len(slot.lstrip())]
        print(f"  {indent}{plain(slot)}")
    _section("scoring", about["scoring"])
    _section("error cost", about["error_cost"])
    _section("gate", about["gate"])
    print("routes")
    for route in about["routes"]:
        serving = "  (in service)" if route["serving"] else ""
        print(f"  {route['name']:<24} {route['route_hash'][:12]}{serving}")
    if not about["routes"]:
        print(f"  none yet: rung climb {name}")
    print(f"holdout opened {about['num_openings']} times")


def _section(title: str, values: dict[str, Any]) -> None:
    from rung.report.format import plain

    print(title if values else f"{title}: none")
    for key, value in values.items():
        print(f"  {plain(key)}: {plain(_told(value))}")


def _told(value: Any) -> str:
    """Return a rule as words: names with their values, what is empty left out."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_told(one)}" for key, one in value.items() if one not in _EMPTY)
    if isinstance(value, list | tuple):
        return "; ".join(map(_told, value)) or "none"
    return str(value)
