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
from importlib.util import find_spec
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
    with _parsed_once():
        model = load_weights(path, dtype=dtype)
        folder, options = _options(path)
        with _reading(path):
            tokenizer = AutoTokenizer.from_pretrained(folder, config=model.config, **options)
    if not tokenizer.is_fast:
        raise EngineError(f"{path} has no tokenizer.json", hint="save the fast tokenizer with it")
    return tokenizer, model


def load_weights(path: Path, *, dtype: str) -> Any:
    """Return the model alone, in evaluation mode. Raises EngineError."""
    folder, options = _options(path)
    with _parsed_once():
        with _reading(path):
            config = AutoConfig.from_pretrained(folder, **options)
        _check_config(path, config)
        with _reading(path):
            model, found = AutoModelForCausalLM.from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                use_safetensors=True,
                output_loading_info=True,
                **options,
            )
    if wrong := [*found["missing_keys"], *found["mismatched_keys"]]:
        raise EngineError(
            f"{path} lacks weights of its model: {wrong[0]} and {len(wrong) - 1} more"
        )
    return model.eval()


def load_words(path: Path) -> tuple[Any, Any, Any]:
    """Return the tokenizer, the config and the generation config (or None) of a folder.

    Raises EngineError.
    """
    folder, options = _options(path)
    with _parsed_once(), _reading(path):
        config = AutoConfig.from_pretrained(folder, **options)
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    said = path / "generation_config.json"
    return tokenizer, config, GenerationConfig.from_pretrained(folder) if said.is_file() else None


def _options(path: Path) -> tuple[Path, dict[str, Any]]:
    """Return the folder to load from, and how."""
    folder, source = _source(path)
    return folder, {"local_files_only": True, "trust_remote_code": False} | source


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
def _parsed_once() -> Iterator[None]:
    """Parse a GGUF file once, and make the table of its tensor names once.

    transformers parses the file for each thing it wants of it, and makes the table for every module
    of the model; of a model of 135M parameters that takes a minute or two.
    """
    if find_spec("gguf") is None:
        yield
        return
    import gguf

    slow = {name: getattr(gguf, name) for name in ("GGUFReader", "get_tensor_name_map")}
    for name, made in slow.items():
        setattr(gguf, name, lru_cache(maxsize=2)(made))
    try:
        yield
    finally:
        for name, made in slow.items():
            setattr(gguf, name, made)


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
