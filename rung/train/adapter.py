"""Adapters as training leaves them: a PEFT folder with its lineage, and the way back to a model.

A folder holds `adapter_config.json`, `adapter_model.safetensors` and `lineage.json`; `export.py`
takes it into the artifacts, where its name is the hash of what it holds.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rung import __version__
from rung.core.errors import TrainError
from rung.core.files import write_atomic
from rung.engines.adapters import base_hash, read_adapter
from rung.routes.route import ROUTE_VERSION
from rung.store.artifacts import Artifacts
from rung.train.export import LINEAGE, take_in

_FILES = {"config": "adapter_config.json", "weights": "adapter_model.safetensors"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where an adapter comes from. No times, so that the same training gives the same name."""

    method: str
    task: str
    base: str
    """The model's name as people type it."""
    base_hash: str
    data: Mapping[str, str]
    """SHA-256 of the splits, of the texts that were learnt, and of those that judged."""
    style: Mapping[str, Any]
    """How texts were written (`texts.Style`), which a route that serves it must follow."""
    config: Mapping[str, Any]
    """Settings of the run and shape of the adapter."""
    seed: int
    metrics: Mapping[str, float]
    start: str = ""
    """The adapter that training began with; empty for a fresh one."""
    code: str = f"rung {__version__}, routes {ROUTE_VERSION}"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)


def save_adapter(
    model: Any, lineage: Lineage, folder: Path, base: Path, artifacts: Artifacts
) -> str:
    """Write a trained model's adapter and its lineage to a folder; return the adapter's name.

    The folder is one that PEFT loads. Raises TrainError where it cannot be exported for `base`.
    """
    for config in model.peft_config.values():
        config.base_model_name_or_path = base.name
    with redirect_stderr(io.StringIO()):
        model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    write_atomic(folder / LINEAGE, json.dumps(lineage.to_json(), indent=1, sort_keys=True) + "\n")
    return take_in(folder, base, artifacts)


def load_adapter(model: Any, name: str, base: Path, artifacts: Artifacts, scratch: Path) -> Any:
    """Return a base with one of its adapters on it, to be trained on. Raises TrainError.

    `scratch` is a folder in which the adapter is laid out as PEFT reads it.
    """
    from peft import PeftModel

    found = read_adapter(name, artifacts)
    if base_hash(base) not in found.bases:
        raise TrainError(
            f"adapter {name[:12]} was made for another model than {base}",
            hint="name the model that it was trained on with --model",
        )
    for part, file in _FILES.items():
        write_atomic(scratch / file, artifacts.get(getattr(found, part)))
    try:
        with redirect_stderr(io.StringIO()):
            return PeftModel.from_pretrained(model, scratch, is_trainable=True).train()
    except (ValueError, RuntimeError, OSError) as error:
        reason = next(iter(str(error).splitlines()), "no reason given")
        raise TrainError(f"adapter {name[:12]} does not fit {base}: {reason}") from None
