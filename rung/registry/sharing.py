"""Adapters that tasks share: which tasks a new one would leave behind, and were they measured.

An adapter follows another when it was trained on from it (`--start`), or when a route that is to be
promoted carries it in place of the one in service. Tasks whose routes in service use the one that
is followed share it, and the follower must have kept their work. How that is measured is in
`gate/retention.py`; reports are only carried here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from rung.core.errors import GateError, StoreError
from rung.engines.adapters import read_adapter
from rung.registry.log import kept_adapters, promoted
from rung.routes.route import Route
from rung.store import Artifacts, Store

RETENTION = "retention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharer:
    """A task whose route in service uses an adapter that a new one follows."""

    task: str
    route: Route
    """In service."""
    old: str
    new: str
    """Name of the adapter that follows `old`."""

    @property
    def after(self) -> Route:
        """The route in service with the new adapter in place of the old one."""
        return replace(_swapped(self.route, self.old, self.new), name=f"{self.route.name}@new")


def sharers(store: Store, artifacts: Artifacts, task: str, route: Route) -> tuple[Sharer, ...]:
    """Return whom the adapters of a task's route would leave behind, were it promoted."""
    serving = {name: now.route for name in store.promoted_tasks() if (now := promoted(store, name))}
    ours = set(kept_adapters(serving.pop(task))) if task in serving else set()
    theirs = {name: set(kept_adapters(now)) for name, now in serving.items()}
    if not any(theirs.values()):
        return ()
    kept = set(kept_adapters(route))
    return tuple(
        Sharer(task=name, route=serving[name], old=old, new=new)
        for new in sorted(kept)
        for name, used in sorted(theirs.items())
        for old in sorted(used & ({*_ancestors(new, artifacts, ours), *ours} - kept))
    )


def record_retention(store: Store, sharer: Sharer, report: dict[str, Any]) -> None:
    """Log under the new adapter's name what it did to a sharer; `passed` says whether it may."""
    payload = report | {"task": sharer.task, "old": sharer.old}
    store.append_registry(
        task=sharer.new, action=RETENTION, route_hash=sharer.route.hash, payload=payload
    )


def demand_retention(store: Store, artifacts: Artifacts, task: str, route: Route) -> None:
    """Raise GateError naming the first sharer that was not measured, or was found to lose.

    A report counts for the route in service that it was made of.
    """
    for sharer in sharers(store, artifacts, task, route):
        report = _last_report(store, sharer)
        if report is not None and report["passed"]:
            continue
        measure = f"rung retain {task} {route.name}"
        if report is None:
            reason, hint = "was not measured with the new one", measure
        elif report["verdict"] == "hold":
            reason = f"is not shown to keep its work: {report['reason']}"
            hint = f"measure all of dev, label more of {sharer.task}, or {measure} --apart"
        else:
            reason = f"loses by the new one: {report['reason']}"
            hint = f"rung train {task} --also {sharer.task}, or {measure} --apart"
        raise GateError(
            f"route {route.name!r} of task {task!r} cannot be promoted: its adapter"
            f" {sharer.new[:12]} follows {sharer.old[:12]}, which also serves task"
            f" {sharer.task!r}, and that {reason}",
            hint=hint,
        )


def _last_report(store: Store, sharer: Sharer) -> dict[str, Any] | None:
    for entry in reversed(store.registry(sharer.new)):
        if (
            entry.action == RETENTION
            and entry.payload["task"] == sharer.task
            and entry.route_hash == sharer.route.hash
        ):
            return dict(entry.payload)
    return None


def _ancestors(name: str, artifacts: Artifacts, known: Collection[str]) -> Iterator[str]:
    """Yield the adapters that training went on from, the latest first, as far as they are kept.

    What stands behind a known one, which serves already, was settled when that was promoted.
    """
    while name not in known:
        try:
            name = str(read_adapter(name, artifacts).lineage.get("start", ""))
        except StoreError:
            return
        if not name:
            return
        yield name


def _swapped(route: Route, old: str, new: str) -> Route:
    return replace(
        route,
        adapter=new if route.adapter == old else route.adapter,
        stages=tuple(_swapped(stage, old, new) for stage in route.stages),
        witnesses=tuple(_swapped(one, old, new) for one in route.witnesses),
    )
