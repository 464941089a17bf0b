"""Pack the route in service into a bundle; lay a bundle out as a home of its own.

A bundle is run where it was not made: in `RUNG_HOME/bundles/DIGEST`, which has the route in service
and nothing else, and shares models, prices and servers with the home that it is in. No example goes
along, but where the route shows train examples in its prompt. Own scorers stay behind: they are
code, and serving scores nothing. The format is in `bundle.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from rung import __version__
from rung.core import config
from rung.core.errors import ConfigError, RungError
from rung.core.files import write_atomic
from rung.engines.adapters import base_hash, is_adapter_name, read_adapter
from rung.engines.models import locate
from rung.registry.bundle import Bundle, Manifest, read_bundle, write_bundle
from rung.registry.log import PARITY, promote_route, promoted, record_parity
from rung.routes.route import ROUTE_VERSION, Route
from rung.store import Artifacts, Store
from rung.tasks.contract import check_name
from rung.tasks.folder import packed_files
from rung.tasks.generation import of_split
from rung.tasks.task import Task

_SHARED = ("models", "engines.toml", "prices.toml", "gateway.toml")
"""What a bundle's home takes from the home that it lies in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What was packed."""

    path: Path
    digest: str
    route: str
    num_examples: int
    """Train examples that went along, because the route shows them."""
    models: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self) | {"path": str(self.path), "models": dict(self.models)}


def pack(task: Task, store: Store, artifacts: Artifacts, target: Path, key: str = "") -> Packed:
    """Write the task's route in service to `target`, signed where a key is given.

    Raises ConfigError where nothing is in service, or the task is played in a world.
    """
    serving = promoted(store, task.name)
    if serving is None:
        raise ConfigError(
            f"no route of task {task.name!r} is in service",
            hint=f"rung climb {task.name} promotes one",
        )
    if task.world:
        raise ConfigError(f"task {task.name!r} is played in a world, which cannot be packed yet")
    routes = list(_all(serving.route))
    showing = next((route for route in routes if route.num_shots), None)
    shown = of_split(task, "train", showing.train_hash).train if showing else ()
    told = {f"task/{name}": text.encode() for name, text in packed_files(task, shown).items()}
    files = told | _artifact_files(routes, artifacts)
    models = {route.model: _weights(route.model) for route in routes if route.model}
    adapters = [route.adapter for route in routes if is_adapter_name(route.adapter)]
    manifest = Manifest(
        task=task.name,
        route=serving.route.to_json(),
        route_hash=serving.route.hash,
        receipt=serving.receipt,
        parity={name: _parity(store, name) for name in adapters},
        models=models,
        code=f"rung {__version__}, routes {ROUTE_VERSION}",
        files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    )
    return Packed(
        path=target,
        digest=write_bundle(target, manifest, files, key),
        route=serving.route.name,
        num_examples=len(shown),
        models=models,
    )


def move_in(path: Path, trust: Path | None = None) -> str:
    """Let this process live in a bundle's home; return the name of its task.

    With `trust`, a file of a public key, the bundle must be signed by it.
    """
    bundle = read_bundle(path, read_key(trust))
    config.move_home(lay_out(bundle))
    return bundle.manifest.task


def read_key(path: Path | None) -> str:
    """Return a key as PEM text; empty without a path."""
    if path is None:
        return ""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a PEM file"
        raise ConfigError(f"reading key {path}: {reason}") from None


def lay_out(bundle: Bundle) -> Path:
    """Return the home in which the bundle's route is in service, made on first use.

    Raises ConfigError for a route that this version would answer otherwise, or a model whose
    weights here are not those it was packed with, TaskError for a name that no task may have.
    """
    manifest = bundle.manifest
    check_name(manifest.task)  # it becomes the name of a folder
    try:
        route = Route.from_json(dict(manifest.route))
    except (TypeError, ValueError, KeyError):
        raise ConfigError("the bundle's route cannot be read", hint="pack it again") from None
    if route.hash != manifest.route_hash:
        raise ConfigError(
            f"the bundle was packed by {manifest.code}, whose routes answer otherwise here",
            hint="pack it again with this version",
        )
    for model, wanted in manifest.models.items():
        if wanted and _weights(model) not in ("", wanted):
            raise ConfigError(
                f"model {model} is not the one the bundle was packed with",
                hint=f"rung models pull {model} --force",
            )
    home = config.home() / "bundles" / bundle.digest[:16]
    if not home.is_dir():
        _fill(home.with_name(f".{uuid4().hex}"), home, bundle, route)
    return home


def _fill(scratch: Path, home: Path, bundle: Bundle, route: Route) -> None:
    for name, data in bundle.files.items():
        kind, _, file = name.partition("/")
        place = scratch / "tasks" / bundle.manifest.task if kind == "task" else scratch / kind
        write_atomic(place / file, data)
    (config.home() / "models").mkdir(parents=True, exist_ok=True)
    for name in _SHARED:
        (scratch / name).symlink_to(config.home() / name)
    store = Store(f"sqlite:///{scratch / 'store.db'}")
    try:
        for adapter, report in bundle.manifest.parity.items():
            record_parity(store, adapter, report)
        promote_route(store, bundle.manifest.task, route, dict(bundle.manifest.receipt))
    finally:
        store.close()
    scratch.rename(home)


def _all(route: Route) -> Iterator[Route]:
    """Yield a route and all that it is made of."""
    yield route
    for part in (*route.stages, *route.witnesses):
        yield from _all(part)


def _artifact_files(routes: list[Route], artifacts: Artifacts) -> dict[str, bytes]:
    names: list[str] = []
    for route in routes:
        names += [name for name in (route.head, route.calibration, route.policy) if name]
        if is_adapter_name(route.adapter):
            found = read_adapter(route.adapter, artifacts)
            parts = (found.config, found.weights, found.gguf)
            names += [route.adapter, *(part for part in parts if part)]
    return {f"artifacts/{name}": artifacts.get(name) for name in names}


def _weights(model: str) -> str:
    """Return what identifies a model's weights; empty where they are not on this machine."""
    if ":" in model:
        return ""
    try:
        return base_hash(locate(model).path)
    except RungError:
        return ""


def _parity(store: Store, adapter: str) -> dict[str, Any]:
    reports = [entry.payload for entry in store.registry(adapter) if entry.action == PARITY]
    return dict(reports[-1]) if reports else {}
