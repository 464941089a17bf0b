"""Say how a task is answered in production: by the frontier, by its specialist, or by both."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from rung.core.clock import unix_ms
from rung.core.errors import ConfigError
from rung.engines.open import price_of_model
from rung.gateway.modes import Detail, check_mode
from rung.registry import promoted
from rung.routes.runtime import check_stays
from rung.store import Store
from rung.store.modes import ModeEntry, ModeLog
from rung.worlds.catalog import load


def set_mode(task: str, mode: str, given: dict[str, Any], *, reason: str = "") -> Detail:
    """Change a task's mode; a running gateway follows within a second. Raises ConfigError.

    What is not given stays as it was, but a canary begins anew.
    """
    loaded = load(task)
    with closing(Store()) as store:
        log = ModeLog(store)
        before = log.current().get(loaded.name)
        kept = {"frontier": before.detail.get("frontier", "")} if before else {}
        detail = kept | {name: value for name, value in given.items() if value is not None}
        if mode == "canary":
            detail["rollout"] = unix_ms()
        checked = check_mode(mode, detail)
        if checked.frontier:
            check_stays(loaded, checked.frontier)
            price_of_model(checked.frontier)
        if mode != "teacher" and promoted(store, loaded.name) is None:
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
