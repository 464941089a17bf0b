"""Lay a bundle out as a home of its own, in which its route is in service.

It lies in `RUNG_HOME/bundles/DIGEST`, whole or not at all, and shares models, prices and servers
with the home that it is in. Code that a bundle brings is laid out only for somebody who said that
it may run; running it is the world's (`worlds/open.py`). The format is in `bundle.py`.
"""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from uuid import uuid4

from rung.core import config
from rung.core.errors import ConfigError, StoreError, reason_of
from rung.core.files import write_atomic
from rung.core.hashing import canonical_json
from rung.core.spelling import quote
from rung.engines.models import PINS
from rung.registry.bundle import Bundle, read_bundle
from rung.registry.log import promote_route, record_parity
from rung.registry.manifest import Manifest, is_code
from rung.registry.pack import weights_here
from rung.registry.signing import read_key
from rung.routes.route import Route
from rung.store import Store
from rung.tasks.contract import check_name
from rung.worlds.open import WORLDS
from rung.worlds.packed import world_version

_SHARED = ("models", "engines.toml", "prices.toml", "gateway.toml")
"""What a bundle's home takes from the home that it lies in."""


def move_in(path: Path, trust: Path | None = None, *, run_code: bool = False) -> str:
    """Let this process live in a bundle's home; return the name of its task.

    With `trust`, a file of a public key, the bundle must be signed by it. Without `run_code` one
    that brings code is refused, before anything of it is written.
    """
    bundle = read_bundle(path, read_key(trust))
    brought = sorted(name for name in bundle.files if is_code(name))
    if brought and not run_code:
        raise ConfigError(
            f"bundle {path} brings code from outside, which is not run unless you say so:"
            f" {', '.join(name.removeprefix('task/') for name in brought)}",
            hint=f"read it (unzip {path} -d FOLDER), then add --run-code",
        )
    config.move_home(lay_out(bundle))
    return bundle.manifest.task


def lay_out(bundle: Bundle) -> Path:
    """Return the home in which the bundle's route is in service, made on first use.

    Raises ConfigError for a route that this version would answer otherwise, a model whose weights
    here are not those it was packed with, or a bundled world with other tools, TaskError for a name
    that no task may have.
    """
    manifest = bundle.manifest
    check_name(manifest.task)  # it becomes the name of a folder
    try:
        route = Route.from_json(dict(manifest.route))
        found = route.hash
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        raise ConfigError("the bundle's route cannot be read", hint="pack it again") from None
    if found != manifest.route_hash:
        raise ConfigError(
            f"the bundle was packed by {manifest.code}, whose routes answer otherwise here",
            hint="pack it again with this version",
        )
    for model, wanted in manifest.models.items():
        if wanted and weights_here(model) not in ("", wanted):
            raise ConfigError(
                f"model {model} is not the one the bundle was packed with",
                hint=f"rung models pull {model} --force",
            )
    _check_world(manifest)
    home = config.home() / "bundles" / bundle.digest[:16]
    if not home.is_dir():
        scratch = home.with_name(f".{uuid4().hex}")
        try:
            _fill(scratch, bundle, route)
            _rename(scratch, home)
        except OSError as error:
            raise StoreError(f"writing {home} failed: {reason_of(error)}") from None
        finally:
            rmtree(scratch, ignore_errors=True)
    return home


def _fill(scratch: Path, bundle: Bundle, route: Route) -> None:
    scratch.mkdir(parents=True)
    told = bundle.manifest
    for name, data in bundle.files.items():
        kind, _, file = name.partition("/")
        place = scratch / "tasks" / told.task if kind == "task" else scratch / kind
        write_atomic(place / file, data)
    weights = {model.removeprefix("llama:"): digest for model, digest in told.models.items()}
    write_atomic(scratch / PINS, canonical_json(weights))
    (config.home() / "models").mkdir(parents=True, exist_ok=True)
    for name in _SHARED:
        (scratch / name).symlink_to(config.home() / name)
    store = Store(f"sqlite:///{scratch / 'store.db'}")
    try:
        for adapter, report in told.parity.items():
            record_parity(store, adapter, report)
        promote_route(store, told.task, route, dict(told.receipt))
    finally:
        store.close()


def _rename(scratch: Path, home: Path) -> None:
    try:
        scratch.rename(home)
    except OSError:
        if not home.is_dir():  # another process was faster
            raise


def _check_world(manifest: Manifest) -> None:
    if manifest.world not in ("", *WORLDS):
        raise ConfigError(
            f"the bundle's task is played in {quote(manifest.world)}, which this version has not",
            hint="upgrade rung",
        )
    if manifest.world_version != world_version(manifest.world):
        raise ConfigError(
            f"the bundle was packed by {manifest.code}, whose {manifest.world} has other tools",
            hint="pack it again with this version",
        )
