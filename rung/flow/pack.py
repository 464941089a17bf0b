"""Pack a task's route in service by the task's name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rung.registry.pack import NUM_ASKABLE, Packed
from rung.registry.pack import pack as pack_task
from rung.registry.signing import read_key
from rung.store import Artifacts, Store
from rung.worlds.catalog import load


def pack(
    name: str,
    target: Path,
    sign: Path | None = None,
    *,
    also: Sequence[str] = (),
    num_askable: int = NUM_ASKABLE,
) -> Packed:
    """Write the route in service to a bundle, signed with the private key in the file `sign`.

    What `also` and `num_askable` mean is in `registry/pack.py`.
    """
    key = read_key(sign)
    task, store = load(name), Store()
    try:
        return pack_task(task, store, Artifacts(), target, key, also=also, num_askable=num_askable)
    finally:
        store.close()
