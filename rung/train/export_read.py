"""Read an adapter folder of PEFT, ours or anyone's, and refuse what would serve differently.

Only plain LoRA on linear layers passes: whatever else a configuration asks for is refused by name,
since dropping it would change the model in silence. Nothing is unpickled and no code is run. What
the tensors are called elsewhere is in `export_names.py`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rung.core.errors import TrainError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_KEY = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
_UNSUPPORTED = {
    "use_dora": "DoRA",
    "modules_to_save": "whole modules trained beside the LoRA",
    "lora_bias": "biases of the LoRA",
    "fan_in_fan_out": "transposed layers",
    "layer_replication": "replicated layers",
    "trainable_token_indices": "trained token embeddings",
    "target_parameters": "LoRA on bare parameters",
    "alora_invocation_tokens": "activated LoRA",
    "use_qalora": "QALoRA",
    "use_bdlora": "block-diagonal LoRA",
    "arrow_config": "Arrow routing",
    "kasa_config": "KaSA",
    "monteclora_config": "MonteCLoRA",
    "velora_config": "VeLoRA",
    "megatron_config": "Megatron layers",
}
_HARMLESS = frozenset(
    (
        *("peft_type", "task_type", "peft_version", "auto_mapping", "base_model_name_or_path"),
        *("revision", "inference_mode", "r", "lora_alpha", "lora_dropout", "bias", "use_rslora"),
        *("rank_pattern", "alpha_pattern", "target_modules", "exclude_modules", "layers_pattern"),
        *("layers_to_transform", "init_lora_weights", "loftq_config", "eva_config", "corda_config"),
        *("lora_ga_config", "runtime_config", "qalora_group_size", "megatron_core"),
        *("ensure_weight_tying",),
    )
)
"""Settings that are read here, or that say only how training went or which layers it chose."""
_CHANGES_THE_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Initialisations that leave other base weights than the published ones."""
_PICKLES = ("adapter_model.bin", "adapter_model.pt", "adapter_model.pth")
_DTYPES: dict[str, Any] = {"F64": np.float64, "F32": np.float32, "F16": np.float16}

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What one module's weight is changed by: `scale * b @ a`."""

    a: Matrix
    """(rank, inputs)"""
    b: Matrix
    """(outputs, rank)"""
    scale: float

    @property
    def rank(self) -> int:
        """Rank of the change."""
        return int(self.a.shape[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A checked adapter folder."""

    config_bytes: bytes
    weights_bytes: bytes
    deltas: Mapping[str, Delta]
    """By the module's name in transformers, e.g. `model.layers.0.self_attn.q_proj`."""


def read_folder(path: Path) -> Folder:
    """Read and check an adapter folder. Raises TrainError naming what cannot be served."""
    return read_stored(_bytes(path, CONFIG), _bytes(path, WEIGHTS), path)


def read_stored(config_bytes: bytes, weights_bytes: bytes, path: Path = Path("adapter")) -> Folder:
    """Check the two files of an adapter; `path` is what errors call their folder."""
    try:
        config = json.loads(config_bytes)
    except ValueError:
        raise TrainError(f"{path / CONFIG} is not JSON") from None
    if not isinstance(config, dict):
        raise TrainError(f"{path / CONFIG} is not a JSON object")
    _check_config(path, config)
    return Folder(
        config_bytes=config_bytes,
        weights_bytes=weights_bytes,
        deltas=_deltas(path, config, _tensors(path, weights_bytes)),
    )


def _bytes(path: Path, name: str) -> bytes:
    file = path / name
    if not file.is_file():
        pickled = next((other for other in _PICKLES if (path / other).is_file()), "")
        raise TrainError(
            f"adapter folder {path} has no {name}"
            + (f", only {pickled}, a pickle that could run code" if pickled else ""),
            hint="save it with PEFT: model.save_pretrained(folder)",
        )
    if not file.resolve().is_relative_to(path.resolve()):
        raise TrainError(f"{file} leads out of the adapter folder", hint="copy the file into it")
    return file.read_bytes()


def _check_config(path: Path, config: Mapping[str, Any]) -> None:
    kind = config.get("peft_type")
    if kind != "LORA":
        raise TrainError(f"{path} holds an adapter of type {kind!r}; only LORA can be served")
    asked = [what for key, what in _UNSUPPORTED.items() if config.get(key)]
    asked += [
        f"{key!r}, a setting that is not known here"
        for key in sorted(config.keys() - _HARMLESS - _UNSUPPORTED.keys())
        if config[key]
    ]
    if config.get("bias", "none") != "none":
        asked.append(f"biases ({config['bias']})")
    start = config.get("init_lora_weights", True)
    if isinstance(start, str) and start.lower().startswith(_CHANGES_THE_BASE):
        asked.append(f"another base ({start})")
    if asked:
        raise TrainError(
            f"{path} uses {', '.join(asked)}, which a LoRA of llama.cpp cannot express",
            hint="train plain LoRA or rsLoRA, or merge it into the model",
        )
    numbers = {key: config.get(key) for key in ("r", "lora_alpha")}
    for key in ("rank_pattern", "alpha_pattern"):
        pattern = config.get(key) or {}
        if not isinstance(pattern, dict):
            raise TrainError(f"{path / CONFIG}: {key} is {pattern!r}, not a table")
        numbers |= {f"{key} {name!r}": value for name, value in pattern.items()}
    for key, value in numbers.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
            raise TrainError(f"{path / CONFIG}: {key} is {value!r}, not above 0")


def _tensors(path: Path, data: bytes) -> dict[str, Matrix]:
    import safetensors

    try:
        found = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise TrainError(f"{path / WEIGHTS} is not safetensors: {error}") from None
    return {name: _array(name, spec) for name, spec in found}


def _array(name: str, spec: Mapping[str, Any]) -> Matrix:
    kind = spec["dtype"]
    if kind == "BF16":
        wide = np.frombuffer(spec["data"], dtype="<u2").astype(np.uint32) << 16
        return wide.view(np.float32).reshape(spec["shape"])
    if kind not in _DTYPES:
        raise TrainError(f"tensor {name} is {kind}, not a float")
    array = np.frombuffer(spec["data"], dtype=_DTYPES[kind]).reshape(spec["shape"])
    return array.astype(np.float32)


def _deltas(
    path: Path, config: Mapping[str, Any], tensors: Mapping[str, Matrix]
) -> dict[str, Delta]:
    sides: dict[str, dict[str, Matrix]] = {}
    for key, value in tensors.items():
        match = _KEY.fullmatch(key)
        if match is None:
            raise TrainError(
                f"{path / WEIGHTS} holds {key}, which is not a LoRA of a linear layer",
                hint="train with target_modules that are linear layers, and modules_to_save empty",
            )
        if not np.isfinite(value).all():
            raise TrainError(f"{path / WEIGHTS}: {key} holds numbers that are not finite")
        sides.setdefault(match["module"], {})[match["side"]] = value
    if not sides:
        raise TrainError(f"{path / WEIGHTS} holds no tensors")
    return {module: _delta(path, config, module, sides[module]) for module in sorted(sides)}


def _delta(
    path: Path, config: Mapping[str, Any], module: str, sides: Mapping[str, Matrix]
) -> Delta:
    if set(sides) != {"A", "B"}:
        raise TrainError(f"{path / WEIGHTS}: {module} has only one of its two matrices")
    a, b = sides["A"], sides["B"]
    rank = int(_pattern(config, "rank_pattern", module, config["r"]))
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != rank or b.shape[1] != rank:
        raise TrainError(
            f"{path / WEIGHTS}: {module} has shapes {a.shape} and {b.shape}, the rank is {rank}"
        )
    alpha = float(_pattern(config, "alpha_pattern", module, config["lora_alpha"]))
    scale = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    return Delta(a=a, b=b, scale=scale)


def _pattern(config: Mapping[str, Any], key: str, module: str, default: Any) -> Any:
    """Return a module's own value; PEFT matches patterns against the end of its name."""
    for pattern, value in (config.get(key) or {}).items():
        try:
            if re.match(rf"(.*\.)?({pattern})$", module):
                return value
        except re.error as error:
            raise TrainError(f"{CONFIG}: {key} has no pattern {pattern!r}: {error}") from None
    return default
