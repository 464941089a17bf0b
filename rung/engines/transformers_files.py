"""Load a transformers model from this machine's disk: a folder of safetensors, or a GGUF file.

Nothing is fetched, no code of a model's author runs and no pickle is opened; weights that do not
fit the model are refused rather than filled with random numbers. Running the model is not done
here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from functools import lru_cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    DynamicCache,
    GenerationConfig,
)

from rung.core.errors import EngineError
from rung.engines.gguf_header import read_header

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_REASONS = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError)
_PLAIN_LAYERS = {"DynamicLayer", "DynamicSlidingWindowLayer", "DummyLayer"}


def load(path: Path, *, dtype: str) -> tuple[Any, Any]:
    """Return the tokenizer and the model, in evaluation mode. Raises EngineError."""
    folder, source = _source(path)
    options = {"local_files_only": True, "trust_remote_code": False} | source
    with _reading(path):
        config = AutoConfig.from_pretrained(folder, **options)
    _check_config(path, config)
    with _reading(path), _named_once():
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        model, found = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, output_loading_info=True, **options
        )
    if not tokenizer.is_fast:
        raise EngineError(f"{path} has no tokenizer.json", hint="save the fast tokenizer with it")
    if wrong := [*found["missing_keys"], *found["mismatched_keys"]]:
        raise EngineError(
            f"{path} lacks weights of its model: {wrong[0]} and {len(wrong) - 1} more"
        )
    return tokenizer, model.eval()


def load_words(path: Path) -> tuple[Any, Any, Any]:
    """Return the tokenizer, the config and the generation config (or None) of a folder.

    Raises EngineError.
    """
    folder, source = _source(path)
    options = {"local_files_only": True, "trust_remote_code": False} | source
    with _reading(path):
        config = AutoConfig.from_pretrained(folder, **options)
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    said = path / "generation_config.json"
    return tokenizer, config, GenerationConfig.from_pretrained(folder) if said.is_file() else None


def _source(path: Path) -> tuple[Path, dict[str, str]]:
    """Return the folder to load from and, of a GGUF file, its name."""
    if path.is_file():
        read_header(path, hint="give a folder of safetensors or a GGUF file")
        return path.parent, {"gguf_file": path.name}
    if not path.is_dir():
        raise EngineError(f"no model folder or GGUF file {path}", hint="check the path")
    if not (path / "config.json").is_file():
        raise EngineError(f"{path} is no model folder: it has no config.json")
    if not any(path.glob("model*.safetensors")):
        pickled = next((file.name for kind in _PICKLES for file in path.glob(kind)), "")
        reason = f"only {pickled}, a pickle that could run code" if pickled else "no weights"
        raise EngineError(f"{path} has {reason}", hint="save the model as safetensors")
    if not (path / "tokenizer.json").is_file():
        raise EngineError(
            f"{path} has no tokenizer.json",
            hint="save the tokenizer of the model with it: tokenizer.save_pretrained(folder)",
        )
    return path, {}


def _check_config(path: Path, config: Any) -> None:
    """Refuse what writes no text from left to right, and what keeps more than keys and values."""
    kind, named = config.model_type, set(config.architectures or ())
    known = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    if known is None or config.is_encoder_decoder or (named and known.__name__ not in named):
        raise EngineError(f"{path} is not a causal language model but {kind} {sorted(named)}")
    with _reading(path):
        layers = DynamicCache(config=config).layers
    if strange := {type(layer).__name__ for layer in layers} - _PLAIN_LAYERS:
        raise EngineError(
            f"{path}: {kind} keeps a state that cannot be cut back ({min(strange)})",
            hint="use a model with attention in every layer",
        )


@contextmanager
def _named_once() -> Iterator[None]:
    """Make the table of a GGUF file's tensor names once.

    transformers makes it anew for every module of the model, which takes minutes of a small one.
    """
    try:
        import gguf
    except ImportError:
        yield
        return
    make = gguf.get_tensor_name_map
    gguf.get_tensor_name_map = lru_cache(maxsize=8)(make)
    try:
        yield
    finally:
        gguf.get_tensor_name_map = make


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Keep progress bars off the terminal; say in one line why a model cannot be loaded."""
    try:
        with redirect_stderr(io.StringIO()):
            yield
    except (*_REASONS, SafetensorError) as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), "no reason given")
        raise EngineError(
            f"{path} is not a model transformers can load: {reason.strip()}"
        ) from None
