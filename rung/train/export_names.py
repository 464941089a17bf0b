"""What a module of transformers is called in a GGUF file, and how its rows are ordered there.

llama.cpp pairs the two halves of a rotary dimension next to each other in models of the llama
architecture, so the rows of q and k, and those of their LoRA's `b`, are permuted (llama.cpp,
`convert_hf_to_gguf.py`, `LlamaModel.permute`). Architectures not named here are refused, not
guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from rung.core.errors import TrainError
from rung.train.export_read import Matrix

_PERMUTED = {"llama": True, "qwen2": False, "qwen3": False, "gemma2": False, "gemma3": False}
"""Whether the rows of q and k are permuted, by architecture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What an export needs to know of a GGUF model."""

    path: Path
    architecture: str
    num_blocks: int
    num_heads: int
    num_kv_heads: int
    shapes: Mapping[str, tuple[int, int]]
    """(outputs, inputs) of each matrix by its name in the file."""


@lru_cache(maxsize=4)
def _read(path: Path, _changed_ns: int) -> Base:
    reader = gguf.GGUFReader(path)
    kind = str(_value(reader, "general.architecture"))
    heads = _value(reader, f"{kind}.attention.head_count")
    return Base(
        path=path,
        architecture=kind,
        num_blocks=int(_value(reader, f"{kind}.block_count")),
        num_heads=int(heads),
        num_kv_heads=int(_value(reader, f"{kind}.attention.head_count_kv", heads)),
        shapes={
            tensor.name: (int(tensor.shape[1]), int(tensor.shape[0]))
            for tensor in reader.tensors
            if len(tensor.shape) == 2
        },
    )


def _value(reader: Any, key: str, default: Any = None) -> Any:
    field = reader.get_field(key)
    if field is None and default is None:
        raise TrainError(f"the base model has no {key}", hint="pull the model again")
    return default if field is None else field.contents()


def read_base(path: Path) -> Base:
    """Return a GGUF model's names and shapes. Raises TrainError for what no LoRA is known for."""
    if not path.is_file():
        raise TrainError(f"no model file {path}", hint="rung models")
    try:
        base = _read(path, path.stat().st_mtime_ns)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise TrainError(f"{path} is not a GGUF model: {error}") from None
    if base.architecture not in _PERMUTED:
        raise TrainError(
            f"{path}: adapters of {base.architecture} models cannot be exported"
            f" (known: {', '.join(_PERMUTED)})",
            hint="serve the adapter with vLLM and name it http:MODEL@URL",
        )
    return base


def tensor_name(base: Base, module: str) -> str:
    """Return a module's weight in the file. Raises TrainError naming one that is not there."""
    names = gguf.get_tensor_name_map(_architecture(base), base.num_blocks)
    found = names.get_name(module)
    name = f"{found}.weight" if found else ""
    if name == "token_embd.weight":
        raise TrainError(
            f"the adapter changes {module}: a LoRA on embeddings is not exported",
            hint="train without embed_tokens among the target_modules",
        )
    if name not in base.shapes:
        tied = " (its output is tied to the embeddings)" if found == "output" else ""
        raise TrainError(
            f"the adapter changes {module}, which {base.path.name} does not have{tied}",
            hint="use the base model that the adapter was trained on, or other target_modules",
        )
    return name


def to_file_rows(base: Base, name: str, rows: Matrix) -> Matrix:
    """Return the rows of a weight, or of a LoRA's `b`, in the order of the file."""
    heads = _heads(base, name)
    return rows if heads is None else permute(rows, heads)


def permute(rows: Matrix, heads: int) -> Matrix:
    """Put the two halves of each head's rotary dimensions next to each other."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows.shape))


def is_permuted(base: Base, name: str) -> bool:
    """Return whether the rows of a weight stand in another order in the file."""
    return _heads(base, name) is not None


def _heads(base: Base, name: str) -> int | None:
    if not _PERMUTED[base.architecture]:
        return None
    if name.endswith(".attn_q.weight"):
        return base.num_heads
    return base.num_kv_heads if name.endswith(".attn_k.weight") else None


def _architecture(base: Base) -> Any:
    return next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == base.architecture)
