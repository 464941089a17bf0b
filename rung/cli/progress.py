"""A progress line on stderr: route, split, done of total, time left. Silent without a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from rung.ladder.climb import Step


@contextmanager
def show_progress(*, quiet: bool = False) -> Iterator[Callable[[Step], None]]:
    """Yield a function to give each Step to."""
    if quiet or not sys.stderr.isatty():
        yield _Plain(quiet=quiet)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("spent"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        yield _Bars(bar)


class _Plain:
    """Without a terminal: one line when a route begins to answer anew."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._last = quiet, ""

    def __call__(self, step: Step) -> None:
        name = f"{step.split} {step.route}"
        if not self._quiet and not step.cached and name != self._last:
            self._last = name
            print(f"{name}: {step.total} {step.unit}", file=sys.stderr)


class _Bars:
    def __init__(self, bar: Any) -> None:
        self._bar, self._tasks = bar, dict[str, Any]()

    def __call__(self, step: Step) -> None:
        name = f"{step.split} {step.route}"
        if name not in self._tasks:
            for task in self._tasks.values():
                self._bar.update(task, visible=False)
            self._tasks[name] = self._bar.add_task(name, total=step.total)
        self._bar.update(self._tasks[name], completed=step.done, visible=True)
