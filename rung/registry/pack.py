"""Pack the route in service into a bundle, with all that it needs to run elsewhere.

No example goes along, but where the route shows train examples in its prompt, and a few for which a
simulated world can be asked. Own scorers stay behind: they are code, and serving scores nothing. A
world of the user's own goes along, since there is nothing to serve without it. The format is in
`bundle.py`; how a bundle is run is in `bundle_home.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rung import __version__
from rung.core.errors import ConfigError, RungError
from rung.engines.adapters import base_hash, is_adapter_name, read_adapter
from rung.engines.models import locate
from rung.registry.bundle import write_bundle
from rung.registry.log import PARITY, promoted
from rung.registry.manifest import Manifest, is_code
from rung.routes.route import ROUTE_VERSION, Route
from rung.store import Artifacts, Store
from rung.tasks.folder import packed_files
from rung.tasks.generation import of_split
from rung.tasks.task import Example, Task
from rung.worlds.packed import askable, world_files, world_version

NUM_ASKABLE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What was packed."""

    path: Path
    digest: str
    route: str
    num_examples: int
    """Train examples that went along: those the route shows, or that its world can be asked."""
    models: Mapping[str, str]
    world: str
    code: tuple[str, ...]
    """Files that run, or are read by what runs, where the bundle does."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self) | {"path": str(self.path), "models": dict(self.models)}


def pack(
    task: Task,
    store: Store,
    artifacts: Artifacts,
    target: Path,
    key: str = "",
    *,
    also: Sequence[str] = (),
    num_askable: int = NUM_ASKABLE,
) -> Packed:
    """Write the task's route in service to `target`, signed where a key is given.

    `also` names files of the task's folder that a world of the user's own needs beside its own.
    Of a simulated world `num_askable` examples go along. Raises ConfigError where nothing is in
    service, TaskError where the world lacks a file.
    """
    serving = promoted(store, task.name)
    if serving is None:
        raise ConfigError(
            f"no route of task {task.name!r} is in service",
            hint=f"rung climb {task.name} promotes one",
        )
    routes = list(_all(serving.route))
    examples = _shown(task, routes) or askable(task, num_askable)
    told = {name: text.encode() for name, text in packed_files(task, examples).items()}
    own = {f"task/{name}": data for name, data in (world_files(task, also) | told).items()}
    files = own | _artifact_files(routes, artifacts)
    asked = dict.fromkeys(name for route in routes for name in (route.model, route.stronger))
    models = {name: weights_here(name) for name in asked if name}
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
        world=task.world,
        world_version=world_version(task.world),
    )
    return Packed(
        path=target,
        digest=write_bundle(target, manifest, files, key),
        route=serving.route.name,
        num_examples=len(examples),
        models=models,
        world=task.world,
        code=tuple(sorted(name.removeprefix("task/") for name in files if is_code(name))),
    )


def weights_here(model: str) -> str:
    """Return what identifies a model's weights; empty where they are not on this machine."""
    if model.startswith(("http:", "fake:")):
        return ""
    try:
        if model.startswith("transformers:"):
            path = Path(model.removeprefix("transformers:")).expanduser()
            return base_hash(path) if path.exists() else ""
        return base_hash(locate(model).path)
    except RungError:
        return ""


def _shown(task: Task, routes: Sequence[Route]) -> tuple[Example, ...]:
    """Return the train examples that are shown in prompts, all of them: the nearest are chosen."""
    for route in routes:
        if route.num_shots or (route.agent and route.agent.num_shots):
            return of_split(task, "train", route.train_hash).train
    return ()


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


def _parity(store: Store, adapter: str) -> dict[str, Any]:
    reports = [entry.payload for entry in store.registry(adapter) if entry.action == PARITY]
    return dict(reports[-1]) if reports else {}
