"""Adapters by name: a LoRA in the forms in which engines load it, all of them artifacts.

The name of an adapter is the SHA-256 of its manifest, which names the files and the bases they fit,
so a route that names an adapter names its very weights. Making one is the business of
`train/export.py`; servers know adapters by names of their own and need none of this.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from rung.core.errors import EngineError
from rung.core.hashing import canonical_json, file_sha256
from rung.store.artifacts import Artifacts

_NAME = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """What an adapter consists of. The files are named by their SHA-256."""

    bases: tuple[str, ...]
    """`base_hash` of the models it may be used with: trained on, exported for."""
    config: str
    """PEFT's `adapter_config.json`."""
    weights: str
    """PEFT's `adapter_model.safetensors`."""
    gguf: str = ""
    """The same weights as llama.cpp loads them; empty where they were not exported."""
    lineage: Mapping[str, Any] = field(default_factory=dict)
    """Where it comes from, as its trainer says; see `train/adapter.py`."""

    def save(self, artifacts: Artifacts) -> str:
        """Store the manifest; return the adapter's name."""
        return artifacts.put(canonical_json({**asdict(self), "kind": "adapter"}).encode())


def is_adapter_name(name: str) -> bool:
    """Return whether a name is that of an adapter kept here, not one that a server knows."""
    return _NAME.fullmatch(name) is not None


def read_adapter(name: str, artifacts: Artifacts) -> Adapter:
    """Return an adapter by name. Raises EngineError for what is none, StoreError if it is gone."""
    if not is_adapter_name(name):
        raise EngineError(
            f"{name!r} is not the name of an adapter (64 hex digits)",
            hint="rung parity FOLDER takes in an adapter and prints its name",
        )
    try:
        data = json.loads(artifacts.get(name))
        if data.pop("kind") != "adapter":
            raise ValueError("another kind of artifact")
        return Adapter(**{**data, "bases": tuple(data["bases"])})
    except (ValueError, TypeError, KeyError, AttributeError):
        raise EngineError(f"artifact {name[:12]} is not an adapter") from None


def adapter_for(name: str, base: Path, artifacts: Artifacts) -> Adapter:
    """Return an adapter that fits the model at `base`; raises EngineError for any other."""
    found = read_adapter(name, artifacts)
    if base_hash(base) not in found.bases:
        raise EngineError(
            f"adapter {name[:12]} was made for another model than {base}",
            hint="use the model that its lineage names, or export it for this one: rung parity",
        )
    return found


def base_hash(path: Path) -> str:
    """Return what identifies a base: the SHA-256 of a GGUF file, or of a folder's safetensors."""
    if path.is_file():
        return _hash_of_file(path, path.stat().st_mtime_ns)
    digest = hashlib.sha256()
    for file in sorted(path.glob("*.safetensors")):
        digest.update(f"{file.name} {_hash_of_file(file, file.stat().st_mtime_ns)}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=64)
def _hash_of_file(path: Path, _changed_ns: int) -> str:
    return file_sha256(path)
