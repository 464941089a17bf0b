"""`rung init NAME --from FILE`: a task from a file, or a bundled task at another size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from rung.cli.options import AsJson, Seed, reader
from rung.cli.out import print_json, say
from rung.core.errors import ConfigError

_MOST_EXAMPLES = 100_000
"""Of a split of a bundled task, which is made, not read."""


def init(
    name: Annotated[str, typer.Argument(help="Name of the new task.")],
    source: Annotated[
        str,
        typer.Option(
            "--from", help="CSV, TSV or JSONL file, a bundled task's name, or a data set's folder."
        ),
    ],
    input_column: Annotated[str, typer.Option("--input", help="Column of the input.")] = "",
    target: Annotated[
        list[str] | None, typer.Option("--target", help="Target column; may be repeated.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", help="JSON Schema of the answer.")
    ] = None,
    group: Annotated[
        str, typer.Option("--group", help="Column whose equal values stay together.")
    ] = "",
    instruction: Annotated[str, typer.Option("--instruction", help="The job, in words.")] = "",
    sizes: Annotated[
        str, typer.Option("--sizes", help="Bundled tasks: train,dev,holdout, e.g. 600,150,300.")
    ] = "",
    resplit: Annotated[
        bool, typer.Option("--resplit", help="Ignore the file's own `split` column.")
    ] = False,
    ties: Annotated[
        str, typer.Option("--ties", help="What may not straddle splits: near, exact or group.")
    ] = "near",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Make a task: read, split without leakage, lock the holdout."""
    from rung.flow.make import BUNDLED, bundled_from, init_bundled

    if ties not in ("near", "exact", "group"):
        raise ConfigError(f"--ties {ties!r} is unknown", hint="--ties near, exact or group")
    from rung.flow.make import init as init_file

    bundled = source if source in BUNDLED else bundled_from(Path(source), name)
    if bundled:
        given = {
            "--input": input_column,
            "--target": target,
            "--schema": schema,
            "--group": group,
            "--instruction": instruction,
            "--resplit": resplit,
            "--ties": ties != "near",
        }
        _refuse_options(given, bundled)
        data = None if source in BUNDLED else Path(source)
        task = init_bundled(bundled, name, data=data, seed=seed, **_sizes(sizes))
        _print(task.name, str(task.path), task, [], as_json)
        return
    if sizes:
        raise ConfigError(
            "--sizes is for bundled tasks, a file has the rows it has",
            hint=f"rung init {name} --from helpdesk --sizes {sizes}",
        )
    made = init_file(
        name,
        source,
        input=input_column or None,
        target=target or [],
        schema=schema,
        group=group or None,
        instruction=instruction or None,
        seed=seed,
        resplit=resplit,
        ties=cast(Any, ties),
    )
    _print(name, str(made.task.path), made.task, _notes(made), as_json)


def _refuse_options(given: dict[str, Any], bundled: str) -> None:
    """Raise ConfigError for options that a bundled task takes no notice of."""
    if unused := [flag for flag, value in given.items() if value]:
        raise ConfigError(
            f"{', '.join(unused)} would have no effect: {bundled!r} is a bundled task",
            hint="make it, then edit its task.toml",
        )


def _notes(made: Any) -> list[str]:
    counts = made.to_json()
    dropped = [
        f"{counts[key]} rows {why}"
        for key, why in (
            ("num_blank", "dropped: blank input or target"),
            ("num_merged", "merged: the same input with no conflicting target"),
            ("num_quarantined", "quarantined: the same input with conflicting targets"),
        )
        if counts[key]
    ]
    return [f"{counts['num_rows']} rows read", *dropped, *made.notes]


def _sizes(text: str) -> dict[str, Any]:
    if not text:
        return {}
    parts = text.split(",")
    if len(parts) != 3:
        raise ConfigError(f"--sizes {text!r} is not three numbers", hint="--sizes 600,150,300")
    read = reader("--sizes", int, 1, _MOST_EXAMPLES)
    return dict(zip(("num_train", "num_dev", "num_holdout"), map(read, parts), strict=True))


def _print(name: str, path: str, task: object, notes: list[str], as_json: bool) -> None:
    from rung.tasks.task import Task

    assert isinstance(task, Task)
    counts = {"train": len(task.train), "dev": len(task.dev), "holdout": task.num_holdout}
    if as_json:
        print_json({"task": name, "path": path, "splits": counts, "notes": notes})
        return
    for note in notes:
        say(note)
    print(f"task {name}: " + ", ".join(f"{n} {split}" for split, n in counts.items()))
    say(f"folder: {path}\nnext: rung climb {name}")
