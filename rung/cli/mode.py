"""`rung mode NAME [MODE]`: who answers a task in production, and who did."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from rung.cli.options import AsJson, TaskName, number, whole
from rung.cli.out import print_json, say
from rung.core.errors import ConfigError


def mode(
    name: TaskName,
    to: Annotated[
        str, typer.Argument(help="teacher, shadow, cascade, canary or specialist.", metavar="MODE")
    ] = "",
    frontier: Annotated[
        str | None, typer.Option("--frontier", help="The strong model, e.g. http:gpt-mini.")
    ] = None,
    min_p: Annotated[
        float | None,
        number(
            "--min-p",
            0,
            1,
            "Cascade: the frontier answers when a choice is less probable than this.",
        ),
    ] = None,
    audit_share: Annotated[
        float | None,
        number(
            "--audit-share",
            0,
            1,
            "Cascade: share of inputs that the frontier answers too, to compare.",
        ),
    ] = None,
    stage: Annotated[
        int | None, whole("--stage", 0, 3, "Canary: go to this stage, 0 to 3 (1, 5, 25, 100 %).")
    ] = None,
    margin: Annotated[
        float | None,
        number("--margin", 0, 1, "Canary: largest loss of the share of accepted answers, 0 to 1."),
    ] = None,
    max_failed: Annotated[
        float | None,
        number("--max-failed", 0, 1, "Canary: largest share of failed conversations, 0 to 1."),
    ] = None,
    slot: Annotated[
        list[str] | None,
        typer.Option(
            "--slot", help="Change the mode of this field alone; may be given several times."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the modes a task has had, or change the mode; a running gateway follows."""
    from rung.flow.mode import agreements, mode_history, set_mode

    given = {
        "frontier": frontier,
        "min_p": min_p,
        "audit_share": audit_share,
        "stage": stage,
        "margin": margin,
        "max_failed": max_failed,
    }
    if to:
        set_mode(name, to, given, slots=slot or ())
    elif slot:
        raise ConfigError("--slot without a mode", hint=f"rung mode {name} shadow --slot {slot[0]}")
    elif named := [at for at, value in given.items() if value is not None]:
        flag = f"--{named[0].replace('_', '-')}"
        raise ConfigError(
            f"{flag} without a mode", hint=f"rung mode {name} MODE {flag} {given[named[0]]}"
        )
    history = mode_history(name)
    counts = agreements(name)
    for entry in history[-1:] if to else history:
        if as_json:
            told = {"agreement": {at: asdict(count) for at, count in counts.items()}}
            print_json(asdict(entry) | (told if entry is history[-1] else {}))
        else:
            print(f"{entry.created}  {entry.mode:<10} {entry.reason}  ({_shown(entry.detail)})")
    if not as_json:
        for at, count in counts.items():
            print(f"  {at}: as the frontier in {count.num_agreed} of {count.num_compared}")
    if not history:
        say(f"{name} has no mode: its route in service answers. rung mode {name} shadow …")


def _shown(detail: dict[str, Any]) -> str:
    slots = [f"{slot} by {mode}" for slot, mode in detail.get("slots", {}).items()]
    others = [f"{name} {value}" for name, value in detail.items() if value and name != "slots"]
    return ", ".join(slots + others)
