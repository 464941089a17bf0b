"""From an adapter as PEFT saves it to one that llama.cpp loads, and into the artifacts.

A LoRA in GGUF has one alpha and scales each pair of matrices by alpha / rank. Where PEFT scales
otherwise (rsLoRA, patterns), the difference goes into `b`. Values stay 32-bit: the file is small,
and parity is then about the serving, not the rounding. Whether it serves as it trained is judged
in `parity.py`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from rung.core.errors import TrainError
from rung.engines.adapters import Adapter, base_hash
from rung.store.artifacts import Artifacts
from rung.train.export_names import Base, read_base, tensor_name, to_file_rows
from rung.train.export_read import Delta, Folder, Matrix, read_folder

LINEAGE = "lineage.json"


def take_in(folder: Path, base: Path, artifacts: Artifacts) -> str:
    """Check an adapter folder, export it for a GGUF base, keep both; return the adapter's name.

    For a base that is a folder nothing is exported: PEFT serves it. `lineage.json` of the adapter's
    folder goes along; its `base_hash`, where it has one, must be that of `base`. Equal folders get
    equal names. Raises TrainError and leaves nothing behind.
    """
    if not folder.is_dir():
        raise TrainError(f"no adapter folder {folder}", hint="give a folder saved by PEFT")
    found = read_folder(folder)
    lineage = lineage_of(folder)
    model = base_hash(base)
    trained_on = lineage.get("base_hash", model)
    if trained_on != model:
        raise TrainError(
            f"adapter {folder} was trained on another base than {base}"
            f" ({trained_on[:12]}, not {model[:12]})",
            hint="name the model it was trained on with --model",
        )
    exported = b"" if base.is_dir() else to_gguf(found, read_base(base))
    return Adapter(
        bases=(model,),
        config=artifacts.put(found.config_bytes),
        weights=artifacts.put(found.weights_bytes),
        gguf=artifacts.put(exported) if exported else "",
        lineage=lineage,
    ).save(artifacts)


def to_gguf(folder: Folder, base: Base) -> bytes:
    """Return a checked adapter as a GGUF LoRA for a base. Raises TrainError where it does not fit.

    Format: llama.cpp, `convert_lora_to_gguf.py` and `llama-adapter.cpp`.
    """
    deltas = file_deltas(folder, base)
    alpha = file_alpha(deltas)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "adapter.gguf"
        writer = gguf.GGUFWriter(path, base.architecture)
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
        for name, delta in deltas.items():
            b = delta.b * np.float32(delta.scale * delta.rank / alpha)
            writer.add_tensor(f"{name}.lora_a", np.ascontiguousarray(delta.a))
            writer.add_tensor(f"{name}.lora_b", np.ascontiguousarray(b))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


def file_deltas(folder: Folder, base: Base) -> dict[str, Delta]:
    """Return the changes by their names in the base's file, rows in its order."""
    found: dict[str, Delta] = {}
    for module, delta in folder.deltas.items():
        name = tensor_name(base, module)
        shape = (delta.b.shape[0], delta.a.shape[1])
        if shape != base.shapes[name]:
            raise TrainError(
                f"the adapter's {module} is for a weight of {shape}, {base.path.name} has one of"
                f" {base.shapes[name]}",
                hint="use the base model that the adapter was trained on",
            )
        b = to_file_rows(base, name, delta.b)
        found[name] = Delta(a=delta.a, b=b, scale=delta.scale)
    return found


def file_alpha(deltas: dict[str, Delta]) -> float:
    """Return the one alpha of the file: that of the first pair."""
    first = next(iter(deltas.values()))
    return float(np.float32(first.scale * first.rank))


def read_gguf(data: bytes) -> dict[str, Delta]:
    """Read a GGUF LoRA back, as llama.cpp will apply it."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "adapter.gguf"
        path.write_bytes(data)
        reader = gguf.GGUFReader(path)
        field = reader.get_field(gguf.Keys.Adapter.LORA_ALPHA)
        alpha = float(field.contents()) if field is not None else 0.0
        found: dict[str, Any] = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}
    sides: dict[str, tuple[Matrix, Matrix]] = {
        name.removesuffix(".lora_a"): (value, found[name.removesuffix("a") + "b"])
        for name, value in found.items()
        if name.endswith(".lora_a")
    }
    return {
        name: Delta(a=a, b=b, scale=alpha / a.shape[0] if alpha else 1.0)
        for name, (a, b) in sides.items()
    }


def lineage_of(folder: Path) -> dict[str, Any]:
    """Return what an adapter's trainer noted about it; empty where it noted nothing."""
    file = folder / LINEAGE
    if not file.exists():
        return {}
    try:
        lineage = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TrainError(f"reading {file}: {error}") from None
    if not isinstance(lineage, dict):
        raise TrainError(f"{file} is not a JSON object")
    return lineage
