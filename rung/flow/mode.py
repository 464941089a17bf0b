"""Say how a task is answered in production: by the frontier, by its specialist, or by both.

A mode is one of the whole task, or of single slots: the top-level fields of its form.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from rung.core.clock import unix_ms
from rung.core.errors import ConfigError
from rung.core.spelling import did_you_mean, listing
from rung.engines.open import price_of_model
from rung.forms import compile_form
from rung.forms.part import part_of
from rung.gateway.modes import Detail, check_mode
from rung.gateway.slots import SLOT_MODES, modes_of
from rung.registry import promoted
from rung.routes.runtime import check_stays
from rung.store import Store
from rung.store.agreements import Agreement, AgreementLog
from rung.store.modes import ModeEntry, ModeLog
from rung.tasks.task import Task
from rung.worlds.catalog import load


def set_mode(
    task: str, mode: str, given: dict[str, Any], *, slots: Sequence[str] = (), reason: str = ""
) -> Detail:
    """Change a task's mode, or that of some slots; a running gateway follows within a second.

    What is not given stays as it was, but a canary begins anew, and a mode of the whole task ends
    those of its slots. Raises ConfigError.
    """
    loaded = load(task)
    with closing(Store()) as store:
        log = ModeLog(store)
        before = log.current().get(loaded.name)
        detail = {"frontier": before.detail.get("frontier", "")} if before else {}
        detail |= {name: value for name, value in given.items() if value is not None}
        if slots:
            by = _with_slots(loaded, before, mode, slots)
            mode = before.mode if before else "specialist"
            if len(set(by.values())) == 1:
                (mode,) = set(by.values())
            detail["slots"] = {name: own for name, own in by.items() if own != mode}
        if mode == "canary":
            detail["rollout"] = unix_ms()
        checked = check_mode(mode, detail)
        if checked.frontier:
            check_stays(loaded, checked.frontier)
            price_of_model(checked.frontier)
        asks_specialist = mode != "teacher" or bool(checked.slots)
        if asks_specialist and promoted(store, loaded.name) is None:
            raise ConfigError(
                f"mode {mode!r} of {task!r} needs a route in service",
                hint=f"rung climb {task}, or rung mode {task} teacher --frontier http:NAME",
            )
        log.append(loaded.name, mode, checked.to_json(), reason or "set by hand")
    return checked


def mode_history(task: str) -> list[ModeEntry]:
    """Return every mode a task has had, oldest first."""
    with closing(Store()) as store:
        return ModeLog(store).history(load(task).name)


def agreements(task: str) -> dict[str, Agreement]:
    """Return how often the route in service and the present frontier said the same, by field."""
    name = load(task).name
    with closing(Store()) as store:
        route, entry = promoted(store, name), ModeLog(store).current().get(name)
        if route is None or entry is None:
            return {}
        frontier = entry.detail.get("frontier", "")
        return AgreementLog(store).read(name, route.route.hash, frontier)


def _with_slots(
    task: Task, before: ModeEntry | None, mode: str, slots: Sequence[str]
) -> dict[str, str]:
    """Return the mode of every field once these have theirs. Raises ConfigError, FormError."""
    now = before.mode if before else "specialist"
    for name in (mode, now):
        if name not in SLOT_MODES:
            raise ConfigError(
                f"mode {name!r} is one of a whole task, not of a slot",
                hint=f"first rung mode {task.name} {'|'.join(SLOT_MODES)}",
            )
    if task.world:
        raise ConfigError(f"task {task.name!r} has several steps; modes of slots are for forms")
    fields = [name for name, _ in compile_form(task.schema, style=task.style).fields]
    if unknown := [name for name in slots if name not in fields]:
        raise ConfigError(
            f"task {task.name!r} has no slot {unknown[0]!r} ({did_you_mean(unknown[0], fields)})",
            hint=f"use one of {listing(fields)}",
        )
    by = modes_of(fields, now, before.detail.get("slots", {}) if before else {})
    by |= dict.fromkeys(slots, mode)
    theirs = [name for name, own in by.items() if own != "specialist"]
    if 0 < len(theirs) < len(fields):
        compile_form(part_of(task.schema, theirs), style=task.style)
    return by
