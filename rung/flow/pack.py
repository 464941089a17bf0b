"""Pack a task's route in service by the task's name."""

from __future__ import annotations

from pathlib import Path

from rung.registry.pack import Packed, read_key
from rung.registry.pack import pack as pack_task
from rung.store import Artifacts, Store
from rung.worlds.catalog import load


def pack(name: str, target: Path, sign: Path | None = None) -> Packed:
    """Write the route in service to a bundle, signed with the private key in the file `sign`."""
    key = read_key(sign)
    task, store = load(name), Store()
    try:
        return pack_task(task, store, Artifacts(), target, key)
    finally:
        store.close()
