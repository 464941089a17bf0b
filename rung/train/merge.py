"""Merge an adapter into its base: a GGUF model of its own, in a chosen precision.

What the adapter changes is read back to 32 bits, changed and rounded as asked; all else stays as it
was. Rounding is the `gguf` package's own, so k-quants can be read but not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from rung.core.errors import TrainError
from rung.train.export_read import Delta

PRECISIONS = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q8_0": 7}
"""Precision of the matrices, with the file type that says so in the header."""


def merge(base: Path, deltas: Mapping[str, Delta], target: Path, precision: str) -> Path:
    """Write `base` changed by `deltas` (by names of the file, rows in its order) to `target`."""
    if precision not in PRECISIONS:
        raise TrainError(f"cannot write {precision!r}", hint=f"one of {', '.join(PRECISIONS)}")
    reader = gguf.GGUFReader(base)
    writer = gguf.GGUFWriter(target, str(_contents(reader, "general.architecture")))
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        value = PRECISIONS[precision] if name == "general.file_type" else field.contents()
        inner = field.types[1] if len(field.types) > 1 else None
        writer.add_key_value(name, value, field.types[0], sub_type=inner)
    wanted = gguf.GGMLQuantizationType[precision.upper()]
    for tensor in reader.tensors:
        data, kind = _rounded(tensor, deltas.get(tensor.name), wanted)
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def _rounded(tensor: Any, delta: Delta | None, wanted: Any) -> tuple[Any, Any]:
    if delta is None:
        return tensor.data, tensor.tensor_type
    weights = gguf.dequantize(tensor.data, tensor.tensor_type)
    weights = weights + np.float32(delta.scale) * (delta.b @ delta.a)
    block, _ = gguf.GGML_QUANT_SIZES[wanted]
    kind = wanted if weights.shape[-1] % block == 0 else gguf.GGMLQuantizationType.F16
    return gguf.quantize(np.ascontiguousarray(weights, dtype=np.float32), kind), kind


def _contents(reader: Any, key: str) -> Any:
    field = reader.get_field(key)
    return None if field is None else field.contents()
