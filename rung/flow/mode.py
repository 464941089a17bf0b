"""Say how a task is answered in production: by the frontier, by its specialist, or by both.

A mode is one of the whole task, or of single slots: the top-level fields of its form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from rung.core.clock import unix_ms
from rung.core.errors import ConfigError
from rung.core.spelling import did_you_mean, listing
from rung.engines.models import resolve
from rung.engines.open import OTHER_ENGINES, price_of_model
from rung.forms import compile_form
from rung.forms.part import part_of
from rung.gateway.modes import STAGES, UNSET, USES, Detail, check_mode
from rung.gateway.slots import SLOT_MODES, modes_of
from rung.registry import promoted
from rung.routes.runtime import check_stays
from rung.store import Store
from rung.store.agreements import Agreement, AgreementLog
from rung.store.modes import ModeEntry, ModeLog
from rung.tasks.task import Task
from rung.worlds.catalog import load

_LASTING = ("min_p", "audit_share", "margin", "max_failed")
"""What a mode keeps from one time to the next; a canary's stage is none of it."""
_LIMITS = {"min_p": 1, "audit_share": 1, "margin": 1, "max_failed": 1, "stage": len(STAGES) - 1}
"""The most that may be given; the least is 0."""


def set_mode(
    task: str, mode: str, given: Mapping[str, Any], *, slots: Sequence[str] = (), reason: str = ""
) -> Detail:
    """Change a task's mode, or that of some slots; a running gateway follows within a second.

    What is not given stays as it was when the task last had that mode, but a canary begins anew,
    and a mode of the whole task ends those of its slots. Raises ConfigError.
    """
    loaded = load(task)
    with closing(Store()) as store:
        log = ModeLog(store)
        history = log.history(loaded.name)
        of_slots: dict[str, str] = {}
        if slots:
            mode, of_slots = _with_slots(loaded, history, mode, slots)
        detail = _kept(history, mode) | _given(mode, given) | {"slots": of_slots}
        serving = promoted(store, loaded.name)
        if mode == "canary":
            detail |= {"rollout": unix_ms(), "route": serving.route.hash if serving else ""}
        checked = check_mode(mode, detail)
        if checked.frontier:
            check_stays(loaded, checked.frontier)
            price_of_model(checked.frontier)
            if not checked.frontier.startswith(OTHER_ENGINES):
                resolve(checked.frontier)
        asks_specialist = mode != "teacher" or bool(checked.slots)
        if asks_specialist and serving is None:
            raise ConfigError(
                f"mode {mode!r} of {task!r} needs a route in service",
                hint=f"rung climb {task}, or rung mode {task} teacher --frontier http:NAME",
            )
        log.append(loaded.name, mode, checked.to_json(), reason or "set by hand")
    return checked


def mode_history(task: str) -> list[ModeEntry]:
    """Return every mode a task has had, oldest first, each with what it uses."""
    with closing(Store()) as store:
        history = ModeLog(store).history(load(task).name)
    return [replace(entry, detail=_used(entry)) for entry in history]


def agreements(task: str) -> dict[str, Agreement]:
    """Return how often the route in service and the present frontier said the same, by field."""
    name = load(task).name
    with closing(Store()) as store:
        route, entry = promoted(store, name), ModeLog(store).current().get(name)
        if route is None or entry is None:
            return {}
        frontier = entry.detail.get("frontier", "")
        return AgreementLog(store).read(name, route.route.hash, frontier)


def _used(entry: ModeEntry) -> dict[str, Any]:
    names = USES.get(entry.mode, tuple(entry.detail))
    return {name: value for name, value in entry.detail.items() if name in names}


def _kept(history: Sequence[ModeEntry], mode: str) -> dict[str, Any]:
    """Return the frontier as it is, and what else lasts as it was in that mode."""
    last = next((entry for entry in reversed(history) if entry.mode == mode), None)
    own = {} if last is None else _used(last)
    kept = {name: value for name, value in own.items() if name in _LASTING}
    return kept | ({"frontier": history[-1].detail.get("frontier", "")} if history else {})


def _given(mode: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given of a mode's detail. Raises ConfigError for what the mode ignores."""
    found = {name: value for name, value in given.items() if value is not None}
    for name in found:
        if mode in USES and name not in USES[mode]:
            users = [other for other, used in USES.items() if name in used]
            flag = _flag(name)
            raise ConfigError(
                f"mode {mode!r} has no use for {flag} {found[name]}",
                hint=f"{flag} goes with {listing(users)}",
            )
        if name in _LIMITS and not 0 <= found[name] <= _LIMITS[name]:
            raise ConfigError(f"{_flag(name)} is {found[name]}, not from 0 to {_LIMITS[name]}")
    return found


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _with_slots(
    task: Task, history: Sequence[ModeEntry], mode: str, slots: Sequence[str]
) -> tuple[str, dict[str, str]]:
    """Return the task's mode, and that of each slot that differs from it, once these have theirs.

    Raises ConfigError, FormError.
    """
    before = history[-1] if history else None
    now = before.mode if before else UNSET.name
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
    if len(set(by.values())) == 1:
        return mode, {}
    return now, {name: own for name, own in by.items() if own != now}
