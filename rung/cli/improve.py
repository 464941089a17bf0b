"""`rung improve NAME`: one round of the improving loop, its schedule, its journal."""

from __future__ import annotations

import math
import os
from dataclasses import asdict
from typing import Annotated, Any

import typer

from rung.cli.options import MOST, MOST_MINUTES, AsJson, TaskName, number, whole
from rung.cli.out import print_json, say
from rung.cli.progress import show_progress
from rung.core.errors import ConfigError

_EXIT = {"held": 3, "rejected": 4}
_HOURS = {"h": 1.0, "d": 24.0, "m": 1 / 60}
_YEAR_HOURS = 8760.0
_NICE = 10
_OPTIONS = {
    "every_hours": "every",
    "climbs_a_day": "climbs",
    "models": "model",
    "min_groups": "min_holdout",
}
"""Options whose setting has another name."""


def improve(
    name: TaskName,
    enable: Annotated[
        bool, typer.Option("--enable", help="Have `rung serve` make rounds from now on.")
    ] = False,
    disable: Annotated[
        bool, typer.Option("--disable", help="Have `rung serve` make no more rounds.")
    ] = False,
    journal: Annotated[
        bool, typer.Option("--history", help="Print the schedules and the rounds so far.")
    ] = False,
    every: Annotated[
        str | None,
        typer.Option("--every", help="Time from one round to the next, e.g. 24h, 30m, 7d."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option("--policy", help="propose: end with the command to type; promote: do it."),
    ] = None,
    on_alarm: Annotated[
        str | None,
        typer.Option("--on-alarm", help="demote: take the specialist out of service; or tell."),
    ] = None,
    budget_usd: Annotated[
        float | None, number("--budget-usd", 0, MOST, "Most that the climbs of a day may cost.")
    ] = None,
    minutes: Annotated[
        float | None, number("--minutes", 0.1, MOST_MINUTES, "Most minutes that a round may take.")
    ] = None,
    climbs: Annotated[int | None, whole("--climbs", 0, MOST, "Climbs a day, at most.")] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="Model to climb with; by default those of the last climb."),
    ] = None,
    rungs: Annotated[
        str | None,
        typer.Option("--rungs", help="Rungs to climb, by comma; by default the whole ladder."),
    ] = None,
    min_holdout: Annotated[
        int | None,
        whole(
            "--min-holdout",
            0,
            MOST,
            "Fewest groups of a new holdout; 0: as many as the gate needs.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what a round would find and do.")
    ] = False,
    scheduled: Annotated[bool, typer.Option("--scheduled", hidden=True)] = False,
    as_json: AsJson = False,
) -> None:
    """Make one round: watch the traffic, climb on it, end in a proposal or a promotion.

    Exit code 0: proposed, promoted, or nothing to do yet; 3: hold, 4: reject.
    """
    from rung.flow import improve as flow

    given = {
        "every_hours": _hours(every) if every is not None else None,
        "policy": policy,
        "on_alarm": on_alarm,
        "budget_usd": budget_usd,
        "minutes": minutes,
        "climbs_a_day": climbs,
        "models": tuple(model) if model else None,
        "rungs": None if rungs is None else tuple(r.strip() for r in rungs.split(",") if r.strip()),
        "min_groups": min_holdout,
    }
    if sum((enable, disable, journal, dry_run)) > 1:
        raise ConfigError(
            "--enable, --disable, --history and --dry-run exclude each other", hint="give one"
        )
    if (disable or journal) and (beside := [n for n, v in given.items() if v is not None]):
        option = _OPTIONS.get(beside[0], beside[0])
        raise ConfigError(
            f"--{option.replace('_', '-')} means nothing with"
            f" {'--disable' if disable else '--history'}",
            hint=f"rung improve {name} --enable --{option.replace('_', '-')} … sets it",
        )
    if enable:
        _tell_schedule(name, flow.enable(name, given), as_json)
    elif disable:
        flow.disable(name)
        if as_json:
            print_json({"task": name, "enabled": False})
        else:
            say(f"rounds of {name} are off")
    elif journal:
        _print_history(name, flow.history(name), as_json)
    elif dry_run:
        _print_ahead(flow.look_ahead(name, given), as_json)
    else:
        if scheduled and hasattr(os, "nice"):
            os.nice(_NICE)
        with show_progress(quiet=as_json) as tell:
            ended = flow.improve(name, given, tell)
        _print_end(ended, as_json)
        raise typer.Exit(_EXIT.get(ended["outcome"], 0))


def _hours(text: str) -> float:
    try:
        hours = float(text[:-1]) * _HOURS[text[-1:]]
    except (KeyError, ValueError):
        hours = math.nan
    if not 0.0 < hours <= _YEAR_HOURS:
        raise ConfigError(f"--every is {text!r}, no time up to 365d", hint="--every 24h")
    return hours


def _tell_schedule(name: str, schedule: Any, as_json: bool) -> None:
    if as_json:
        print_json(schedule.to_json())
        return
    print(
        f"{name}: a round every {schedule.every_hours:g} h while `rung serve` runs, at most"
        f" {schedule.minutes:g} minutes each; climbs a day: {schedule.climbs_a_day}, for"
        f" ${schedule.budget_usd:g}; policy {schedule.policy}"
    )
    say(f"switch it off: rung improve {name} --disable")


def _print_history(name: str, lines: list[Any], as_json: bool) -> None:
    for line in lines:
        if as_json:
            print_json(asdict(line))
        else:
            print(f"{line.created}  {line.number:>3}  {line.event:<9} {_in_short(line.detail)}")
    if not lines:
        say(f"no round of {name} was made yet: rung improve {name}")


def _in_short(detail: dict[str, Any]) -> str:
    shown = {key: value for key, value in detail.items() if value not in ("", None, [], {})}
    if "outcome" in shown:
        return f"{shown['outcome']}: {shown['reason']}; next: {shown['next']}"
    plain = {k: v for k, v in shown.items() if not isinstance(v, dict | list)}
    return ", ".join(f"{key} {_round(value)}" for key, value in plain.items())


def _round(value: Any) -> Any:
    return f"{value:.3g}" if isinstance(value, float) else value


def _print_ahead(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    watched, rotation, left = found["watched"], found["rotation"], found["left"]
    print(f"traffic: {found['num_calls']} calls, {found['num_labelled']} labelled")
    for line in _watched(watched):
        print(line)
    print(
        f"new holdout: {rotation['num_new_groups']} new labelled conversations, about"
        f" {rotation['num_groups_needed']} needed; it would have {rotation['num_holdout']} examples"
    )
    would = "climb" if found["would_climb"] and left["climbs"] > 0 and left["usd"] > 0 else "wait"
    print(f"it would {would}; left today: {left['climbs']} climbs, ${left['usd']:.4g}")


def _watched(watched: dict[str, Any]) -> list[str]:
    if not watched:
        return ["watched: no route is in service"]
    drift, novelty = watched["drift"], watched["novelty"]
    seen = [f"watched: {watched['num_inputs']} conversations with {watched['route']}"]
    seen += [f"drift: p {drift['p']:.2g}, alarm at {drift['level']:.2g}"] if drift else []
    if novelty:
        rate = f"{novelty['num_novel']} of {novelty['num_inputs']}"
        seen.append(f"novel: {rate}, alarm above {novelty['max_rate']:.1%}")
    for one in watched["rates"]:
        share = f"{one['num_wrong']} of {one['num']}"
        seen.append(f"{one['what']}: {share}, alarm above {one['max_rate']:.1%}")
    return [*seen, *(f"ALARM: {alarm}" for alarm in watched["alarms"])]


def _print_end(ended: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(ended)
        return
    for alarm in ended.get("alarms", ()):
        say(f"ALARM: {alarm}")
    print(f"round {ended['round']} of {ended['task']}: {ended['outcome']}, {ended['reason']}")
    say(f"next: {ended['next']}")
