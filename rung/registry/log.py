"""Read and extend a task's registry: which route serves, what served before, what was proposed.

A line is never changed. What serves now follows from the log: promotions push, rollbacks pop, a new
task of the same name begins anew.
Whether a route deserves promotion is the gate's business; a receipt is only carried here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rung.core.errors import ConfigError, GateError
from rung.core.hashing import content_hash
from rung.engines.adapters import is_adapter_name
from rung.routes.route import Route
from rung.store import RegistryEntry, Store

CANDIDATE, VERDICT, PROMOTE, ROLL_BACK = "candidate", "verdict", "promote", "rollback"
PARITY, ANEW = "parity", "anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A route in service, with the receipt that put it there."""

    route: Route
    since: str
    receipt: dict[str, Any]


def in_service(promotion: Promotion) -> Route:
    """Return the serving route under a name of its own, so that a newly fitted route of the same
    name can be compared with it."""
    return replace(promotion.route, name=f"{promotion.route.name}@service")


def begin_anew(store: Store, task: str) -> bool:
    """Leave behind what was measured of an earlier task of this name: its routes may have learnt
    from what is now the holdout. Return whether there was anything."""
    if not _lines(store, task):
        return False
    store.append_registry(task=task, action=ANEW, route_hash="", payload={})
    return True


def _lines(store: Store, task: str) -> Sequence[RegistryEntry]:
    """Return the lines of the task that has this name now, oldest first."""
    entries = store.registry(task)
    begins = [at + 1 for at, entry in enumerate(entries) if entry.action == ANEW]
    return entries[begins[-1] if begins else 0 :]


def record_candidates(store: Store, task: str, routes: Iterable[Route]) -> None:
    """Log routes that were measured, so that they can be run and asked by name later."""
    known = {entry.route_hash for entry in _lines(store, task) if entry.action == CANDIDATE}
    for route in routes:
        if route.hash not in known:
            store.append_registry(
                task=task, action=CANDIDATE, route_hash=route.hash, payload=route.to_json()
            )


def record_verdict(
    store: Store, task: str, receipt: dict[str, Any], candidates: Iterable[Route]
) -> None:
    """Log a gate receipt with the hashes of the routes it judged."""
    hashes = {route.name: route.hash for route in candidates}
    store.append_registry(
        task=task,
        action=VERDICT,
        route_hash=content_hash(receipt),
        payload={"receipt": receipt, "routes": hashes},
    )


def passed(store: Store, task: str, route: Route) -> dict[str, Any] | None:
    """Return the latest receipt in which the gate said promote to this route.

    None when there is none, or when the gate has rejected the route since; hold takes nothing back.
    """
    for entry in reversed(_lines(store, task)):
        if entry.action != VERDICT:
            continue
        for item in entry.payload["receipt"]["report"]["candidates"]:
            if entry.payload["routes"][item["name"]] == route.hash and item["verdict"] != "hold":
                return dict(entry.payload["receipt"]) if item["verdict"] == PROMOTE else None
    return None


def promote_route(
    store: Store, task: str, route: Route, receipt: dict[str, Any], *, run: str = ""
) -> bool:
    """Put a route in service; return False when it is in service already.

    `run` names the climb that did it. Raises GateError for an adapter that was not shown to serve
    as it trained.
    """
    demand_parity(store, route)
    now = promoted(store, task)
    if now is not None and now.route.hash == route.hash:
        return False
    payload = {"route": route.to_json(), "receipt": receipt, "run": run}
    store.append_registry(task=task, action=PROMOTE, route_hash=route.hash, payload=payload)
    return True


def record_parity(store: Store, adapter: str, report: dict[str, Any]) -> None:
    """Log a parity report under the adapter's own name: it holds for every task."""
    store.append_registry(task=adapter, action=PARITY, route_hash=adapter, payload=report)


def demand_parity(store: Store, route: Route) -> None:
    """Raise GateError unless the latest parity report of each adapter of the route passed.

    Adapters that only a server knows, by a name of its own, cannot be compared and pass.
    """
    for adapter in kept_adapters(route):
        reports = [entry.payload for entry in store.registry(adapter) if entry.action == PARITY]
        if not reports:
            reason = "was never compared with its training"
        elif not reports[-1]["passed"]:
            reason = f"does not serve as it trained ({reports[-1]['verdict']})"
        else:
            continue
        raise GateError(
            f"route {route.name!r} cannot be promoted: its adapter {adapter[:12]} {reason}",
            hint=f"rung parity {adapter[:12]}",
        )


def kept_adapters(route: Route) -> Iterator[str]:
    """Yield the adapters of a route and of all that it is made of, those kept here."""
    if is_adapter_name(route.adapter):
        yield route.adapter
    for part in (*route.stages, *route.witnesses):
        yield from kept_adapters(part)


def roll_back(store: Store, task: str, *, reason: str = "") -> Promotion | None:
    """Take the route in service back; return what serves now, None for nothing.

    Raises ConfigError when nothing is in service.
    """
    standing = _standing(store, task)
    if not standing:
        raise ConfigError(
            f"no route of task {task!r} is in service", hint=f"rung climb {task} promotes one"
        )
    now = standing[-1]
    payload = {"reason": reason, "promotion": now.id}
    store.append_registry(task=task, action=ROLL_BACK, route_hash=now.route_hash, payload=payload)
    return promoted(store, task)


def promoted(store: Store, task: str, *, except_by: str = "") -> Promotion | None:
    """Return the route in service, or None.

    `except_by` leaves out what one climb promoted: its incumbent when it is started again.
    """
    for entry in reversed(_standing(store, task)):
        if not except_by or entry.payload["run"] != except_by:
            route = Route.from_json(entry.payload["route"])
            return Promotion(route=route, since=entry.created, receipt=entry.payload["receipt"])
    return None


def _standing(store: Store, task: str) -> list[RegistryEntry]:
    """Return the promotions that were not taken back, the one in service last."""
    stack: list[RegistryEntry] = []
    for entry in _lines(store, task):
        if entry.action == PROMOTE:
            stack.append(entry)
        elif entry.action == ROLL_BACK and stack and _takes_back(entry, stack[-1]):
            stack.pop()
    return stack


def _takes_back(rollback: RegistryEntry, last: RegistryEntry) -> bool:
    # two at the same moment mean the same promotion; older lines do not say which they mean
    return bool(rollback.payload.get("promotion", last.id) == last.id)


def measured(store: Store, task: str) -> list[Route]:
    """Return every route that was measured, oldest first."""
    entries = _lines(store, task)
    return [Route.from_json(entry.payload) for entry in entries if entry.action == CANDIDATE]


def find_route(store: Store, task: str, name: str, *, model: str = "") -> Route:
    """Return the latest measured route by name, or by the first 6 or more digits of its hash; with
    a model, of those that ask no other themselves.

    Raises ConfigError listing what there is.
    """
    known = measured(store, task)
    routes = [route for route in known if not model or route.model in ("", model)]
    for route in routes:
        if len(name) >= 6 and route.hash.startswith(name):
            return route
    found = {route.name: route for route in routes}
    if name not in found:
        names = ", ".join(sorted(found)) or "none yet"
        raise ConfigError(
            f"task {task!r} has no measured route {name!r}{f' of {model}' if model else ''}"
            f" (there are: {names})",
            hint=f"rung climb {task} measures routes",
        )
    return found[name]
