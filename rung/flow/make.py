"""Make a task: from a user's file, or from a bundled generator at another size."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from rung.registry.log import begin_anew
from rung.store import Store
from rung.tasks.importer import ImportReport, init_task
from rung.tasks.splits import Ties
from rung.tasks.task import Task
from rung.worlds.catalog import BUNDLED, bundled_from, make_bundled

_LEFT = "what was measured and promoted for an earlier task of this name counts no longer"


def init(
    name: str,
    source: str | Path,
    *,
    input: str | None = None,
    target: str | Sequence[str] = (),
    schema: type | dict[str, Any] | str | Path | None = None,
    group: str | None = None,
    instruction: str | None = None,
    seed: int = 0,
    resplit: bool = False,
    ties: Ties = "near",
) -> ImportReport:
    """Make a task from a CSV, TSV or JSONL file; return what was read, kept and dropped.

    `schema` is a pydantic model class, a JSON Schema or a file holding one; without it the form is
    inferred from the target columns. Columns of usual names are found by themselves; a column
    `split` is honoured unless `resplit`. `ties` says what keeps examples in one split besides the
    group: near-duplicate inputs, exact ones, or nothing.
    """
    made = init_task(
        name,
        Path(source),
        input_column=input,
        target_columns=[target] if isinstance(target, str) else list(target),
        schema=Path(schema) if isinstance(schema, str) else schema,
        group_column=group,
        instruction=instruction,
        seed=seed,
        resplit=resplit,
        ties=ties,
    )
    return replace(made, notes=(*made.notes, _LEFT)) if _begins_anew(name) else made


def init_bundled(bundled: str, name: str, *, data: Path | None = None, **sizes: int) -> Task:
    """Make a task that is bundled under a name."""
    task = make_bundled(bundled, name, data=data, **sizes)
    _begins_anew(name)
    return task


def _begins_anew(name: str) -> bool:
    with closing(Store()) as store:
        return begin_anew(store, name)


__all__ = ["BUNDLED", "ImportReport", "bundled_from", "init", "init_bundled"]
