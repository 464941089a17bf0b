"""Finds the rows of a route to look at: in a results file, or in the last climb of its task."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rung.core.errors import ConfigError, GateError
from rung.core.records import Row
from rung.flow.report import last_climb
from rung.gate.rows import read_rows
from rung.ladder.result import Climb
from rung.registry import measured, promoted
from rung.repair.mapping import Run
from rung.routes.route import Route
from rung.store import Store
from rung.tasks.task import Task


class RunFinder:
    """Finds runs of one task: in files, or in its last climb."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._climb: Climb | None = None

    def run(self, given: str) -> Run:
        """Return the rows of a results file, or of a route of the last climb."""
        path = Path(given).expanduser()
        if path.is_file() or path.suffix == ".jsonl":
            return Run(name=given, rows=tuple(read_rows(path)), route=self._route_of_file(path))
        arms = {arm.route: arm for arm in self._last().arms if arm.split == "dev"}
        if given not in arms:
            raise ConfigError(
                f"{given!r} is neither a file nor a route of the last climb of"
                f" {self._task.name!r} (there are: {', '.join(arms)})",
                hint=f"rung run {self._task.name} --route {given} writes a results file",
            )
        return Run(name=given, rows=arms[given].rows, route=self._route(arms[given].route_hash))

    def default(self) -> Run:
        """Return the route in service as the last climb measured it, else the best one."""
        arms = [arm for arm in self._last().arms if arm.split == "dev"]
        serving = self._serving()
        chosen = next((arm for arm in arms if serving and arm.route_hash == serving.hash), None)
        if chosen is None:
            rungs = [arm for arm in arms if arm.kind == "rung"]
            if not rungs:
                raise ConfigError(
                    f"the last climb of {self._task.name!r} measured no rung on dev",
                    hint=f"rung climb {self._task.name}",
                )
            chosen = max(rungs, key=lambda arm: (not arm.stopped, arm.score))
        return self.run(chosen.route)

    def reference(self) -> Run | None:
        """Return the reference of the last climb, None where it had none."""
        try:
            arms = self._last().arms
        except ConfigError:
            return None
        found = [arm for arm in arms if arm.kind == "reference" and arm.split == "dev"]
        return Run(name=found[0].route, rows=found[0].rows) if found else None

    def of_split(self, run: Run) -> tuple[Run, str, int]:
        """Return the rows of dev, else of train, the split, and how many examples others have."""
        for split, members in (("dev", self._task.dev), ("train", self._task.train)):
            ids = {example.id for example in members}
            rows = tuple(row for row in run.rows if row.example in ids)
            if rows:
                return replace(run, rows=rows), split, _num_examples(run.rows) - _num_examples(rows)
        raise GateError(
            f"{run.name}: no row is of a dev or train example of task {self._task.name!r},"
            f" the first is of {run.rows[0].example!r}",
            hint=f"rung run {self._task.name} --route R runs on dev; a holdout is not mapped",
        )

    def _last(self) -> Climb:
        if self._climb is None:
            self._climb = last_climb(str(self._task.path))
        return self._climb

    def _serving(self) -> Route | None:
        store = Store()
        try:
            serving = promoted(store, self._task.name)
        finally:
            store.close()
        return serving.route if serving else None

    def _route(self, digest: str) -> Route | None:
        store = Store()
        try:
            routes = measured(store, self._task.name)
        finally:
            store.close()
        return next((route for route in routes if route.hash == digest), None)

    def _route_of_file(self, path: Path) -> Route | None:
        """Return the route of a results file that `rung run` wrote; None for any other file."""
        config = path.with_name("config.json")
        try:
            settings = json.loads(config.read_text("utf-8"))["settings"]
            return self._route(str(settings["route"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _num_examples(rows: Sequence[Row]) -> int:
    return len({row.example for row in rows})
