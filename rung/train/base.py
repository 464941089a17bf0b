"""The model to train: the weights that serve, and the adapter on top that alone is changed.

A GGUF file is trained as it serves: its weights are dequantised, so the adapter learns to correct
their rounding too. On a GPU with bitsandbytes a folder is held in 4 bits (QLoRA, Dettmers et al.
2023, arXiv 2305.14314). What is learnt is decided elsewhere.
"""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from rung.core.config import num_threads
from rung.core.errors import ConfigError, TrainError
from rung.engines.models import locate
from rung.train.precision import Precision, base_dtype
from rung.train.shape import LoraShape


def base_path(model: str) -> Path:
    """Return the file or folder of a model that can be trained.

    Raises ConfigError for a model whose weights are not on this machine.
    """
    if model.startswith(("http:", "fake:")) or not model:
        raise ConfigError(
            f"{model!r} cannot be trained here: its weights are elsewhere",
            hint="name a local model: rung models",
        )
    if model.startswith("transformers:"):
        return Path(model.removeprefix("transformers:")).expanduser()
    return locate(model).path


def load_base(path: Path, precision: Precision = "fp32") -> Any:
    """Return a model's weights, frozen; on a GPU with bitsandbytes a folder's 16 bits become 4.

    Raises EngineError for what is no model.
    """
    from rung.engines.transformers_files import load_weights

    torch.set_num_threads(num_threads())
    dtype, device = base_dtype(precision), "cuda" if torch.cuda.is_available() else "cpu"
    is_half = dtype == torch.bfloat16
    if device == "cuda" and path.is_dir() and is_half and find_spec("bitsandbytes"):
        model = _load_4bit(path)
    else:  # rounded after loading: a GGUF file asked for in 16 bits would stay packed
        model = load_weights(path, dtype="float32").to(device, dtype)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


def add_lora(model: Any, shape: LoraShape, *, seed: int) -> Any:
    """Return the model with a fresh adapter, which changes nothing yet; only it is trained.

    Raises TrainError for names that are no modules of the model.
    """
    from peft import LoraConfig, get_peft_model

    num_layers = model.config.get_text_config().num_hidden_layers
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=shape.rank,
        lora_alpha=shape.alpha,
        lora_dropout=shape.dropout,
        target_modules=sorted(shape.targets or _linear_names(model)),
        layers_to_transform=list(range(num_layers))[-shape.top_layers :],
    )
    torch.manual_seed(seed)
    try:
        with redirect_stderr(io.StringIO()):
            adapted = get_peft_model(model, config)
    except ValueError as error:
        reason = next(iter(str(error).splitlines()), "no reason given")
        raise TrainError(f"an adapter on {list(shape.targets)}: {reason}") from None
    return adapted.train()


def _linear_names(model: Any) -> set[str]:
    """Return the names of the linear modules of a layer: all but the head."""
    head = model.get_output_embeddings()
    return {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }


def _load_4bit(path: Path) -> Any:
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    how = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return AutoModelForCausalLM.from_pretrained(
        path, quantization_config=how, local_files_only=True, use_safetensors=True
    )


def trainable(model: Any) -> dict[str, torch.nn.Parameter]:
    """Return the parameters that training changes, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}
