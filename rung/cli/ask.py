"""`rung ask NAME TEXT`: the promoted route on one input, or on a file of inputs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rung.cli.options import MOST, AsJson, whole
from rung.cli.out import print_json, say
from rung.cli.pack import Bundled, RunCode, Trusted, move_in_if_named
from rung.core.errors import ConfigError, TaskError

if TYPE_CHECKING:
    from rung.flow import Input

_MAX_INPUT_CHARS = 65_536


def ask(
    name: Annotated[str, typer.Argument(help="Task; may be left out with --bundle.")] = "",
    text: Annotated[str, typer.Argument(help="The input.")] = "",
    file: Annotated[
        Path | None,
        typer.Option("--file", help="JSONL of strings or {'input': …, 'owner': …} rows."),
    ] = None,
    route: Annotated[str, typer.Option("--route", help="Ask this measured route instead.")] = "",
    example: Annotated[int, whole("--example", 0, MOST, "Ask the N-th train example instead.")] = 0,
    owner: Annotated[
        str, typer.Option("--owner", help="Person whose input it is, for an agent with memory.")
    ] = "",
    bundle: Bundled = None,
    trust: Trusted = None,
    run_code: RunCode = False,
    as_json: AsJson = False,
) -> None:
    """Answer by the promoted route, with the probability of every choice.

    A batch (--file) prints one JSON row per input; started again, it repeats no call.
    """
    from rung import flow

    bundled = move_in_if_named(bundle, trust, run_code)
    if bundle is not None:
        name, text = _of_bundle(bundle, bundled, name, text)
    elif not name:
        raise ConfigError("rung ask needs a task", hint='rung ask NAME "…"; rung tasks lists them')
    if [bool(text), file is not None, example > 0].count(True) != 1:
        raise ConfigError(
            "rung ask needs an input, --file or --example",
            hint=f'rung ask {name} "…", or --example 1',
        )
    if example:
        text = flow.example_text(name, example)
        say(f"asked: {text}")
    if file is not None:
        counts: dict[str, int] = {}
        inputs = _warned(_read(file, owner), name, route)
        for found in flow.ask(name, inputs, route=route):
            counts[found.status] = counts.get(found.status, 0) + 1
            print_json(found.to_json())
        say("rows: " + (", ".join(f"{n} {status}" for status, n in sorted(counts.items())) or "0"))
        return
    said = flow.Input(text=_checked(text, "the input"), owner=owner)
    found = next(iter(flow.ask(name, _warned([said], name, route), route=route, again=True)))
    if as_json:
        print_json(found.to_json())
    else:
        _print(found)
    if found.status == "failed":
        raise typer.Exit(1)


def _of_bundle(bundle: Path, task: str, name: str, text: str) -> tuple[str, str]:
    """Return the bundle's task and the input, which is the only word where no task was named."""
    if name and not text and name != task:
        return task, name
    if name not in ("", task):
        raise ConfigError(
            f"{bundle} holds task {task!r}, not {name!r}", hint=f'rung ask --bundle {bundle} "…"'
        )
    return task, text


def _warned(inputs: Iterable[Input], name: str, route: str) -> Iterator[Input]:
    """Yield inputs; tell, before the first that names its owner, when the route remembers none."""
    from rung.flow.memory import why_forgotten

    owned = False
    for one in inputs:
        if one.owner and not owned:
            owned = True
            if problem := why_forgotten(name, route=route):
                say(problem)
        yield one


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _print(found: Any) -> None:
    for field, value in (found.output or {}).items():
        sure = found.fields.get(field)
        note = f"   p {sure['p']:.2f}, next {_shown(sure['runner_up'])}" if sure else ""
        if sure and sure["set"] is not None and len(sure["set"]) != 1:
            note += f", in doubt between {len(sure['set'])}" if sure["set"] else ", in doubt"
        print(f"{field}: {_shown(value)}{note}")
    if found.reply:
        print(f"\n{found.reply.rstrip()}")
    say(
        f"{found.status} by {found.route} in {found.latency_ms:.0f} ms, "
        f"{found.usage.output_tokens} tokens generated{'; ' + found.reason if found.reason else ''}"
    )


def _read(path: Path, owner: str) -> Iterator[Input]:
    from rung.flow import Input
    from rung.tasks.lines import parse_json, read_lines

    for number, line in read_lines(path):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = parse_json(line, where)
        except TaskError as error:
            raise ConfigError(error.message, hint="one JSON string or object a line") from None
        text = row.get("input", row.get("text")) if isinstance(row, dict) else row
        if not isinstance(text, str):
            raise ConfigError(f"{where}: no input", hint='write {"input": "…"}')
        whose = row.get("owner", owner) if isinstance(row, dict) else owner
        if not isinstance(whose, str):
            raise ConfigError(f"{where}: owner is {whose!r}, not text")
        yield Input(text=_checked(text, where), owner=whose)


def _checked(text: str, where: str) -> str:
    if not text.strip():
        raise ConfigError(f"{where} is empty")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{where} is not UTF-8 text") from None
    if len(text) > _MAX_INPUT_CHARS:
        raise ConfigError(f"{where} has {len(text)} characters, at most {_MAX_INPUT_CHARS} fit")
    return text
