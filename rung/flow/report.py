"""Find the last climb of a task and draw it."""

from __future__ import annotations

import json
from pathlib import Path

from rung.core import config
from rung.core.errors import ConfigError, StoreError
from rung.forms import compile_form
from rung.ladder.result import Climb, climb_from_json
from rung.report.html import write_html
from rung.tasks.answers import Answers
from rung.tasks.task import Task
from rung.worlds.catalog import load


def last_climb(task: str) -> Climb:
    """Return the newest finished climb; raises ConfigError when there is none."""
    name = load(task).name
    found = sorted(
        (config.home() / "runs").glob(f"climb-{name}-*/climb.json"),
        key=lambda path: path.stat().st_mtime,
    )
    for path in reversed(found):
        climb = _read(path)
        if climb.task == name:
            return climb
    raise ConfigError(f"task {name!r} has no finished climb", hint=f"rung climb {name}")


def _read(path: Path) -> Climb:
    try:
        return climb_from_json(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is no climb that this version can read"
        raise StoreError(
            f"reading {path}: {reason}", hint=f"move {path.parent} away, and climb again"
        ) from None


def write_report(climb: Climb, path: Path) -> None:
    """Write the one-file HTML, with scores by the first choice field of the task."""
    write_html(climb, path, categories=_categories(climb, load(climb.task)))


def _categories(climb: Climb, task: Task) -> dict[str, str]:
    """Return each example's value of the task's first choice field, dev from the task itself and
    holdout from what the oracle-free rows know: the gate's receipt."""
    choices = compile_form(task.schema, style=task.style).choices()
    fields = Answers(task.schema).fields  # a choice deeper down is no value of the target itself
    field = next((one.path for one in choices if one.path in fields), None)
    if field is None:
        return {}
    known = {example.id: example.target for example in (*task.train, *task.dev)}
    known |= climb.gate.get("targets", {})
    return {e: str(target[field]) for e, target in known.items() if target.get(field) is not None}
