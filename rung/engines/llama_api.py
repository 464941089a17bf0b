"""A thin ctypes binding to llama.cpp as the prebuilt `xllamacpp` wheel exports it (no compiler).

Owns struct layouts, library loading and raw calls; knows nothing of prompts, forms or caching.
Parameter structs are opaque buffers filled by the library's own defaults, of which only the
fields named in `_CONTEXT_INT32` and `_KV_UNIFIED` are written. Their places are checked against the
known defaults at load (`_check_layout`), so a wheel with another layout is refused, not misread.
"""

from __future__ import annotations

import ctypes as C
import importlib.util
import os
from collections import deque
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rung.core import config
from rung.core.errors import EngineError

WHEEL = "xllamacpp==2026.10.11549"
_STRUCT_BYTES = 512
_ERROR_LEVEL = 4
# llama.cpp b11549, struct llama_context_params: the leading int32 fields and their defaults
_CONTEXT_INT32 = {
    "n_ctx": (0, 512),
    "n_batch": (1, 2048),
    "n_ubatch": (2, 512),
    "n_seq_max": (3, 1),
    "n_outputs_max": (5, 0),
    "n_outputs_max_per_seq": (6, 1),
    "n_threads": (7, 4),
    "n_threads_batch": (8, 4),
}
_BOOLS_AT, _BOOLS = 136, (0, 1, 1, 1, 1, 0)
_KV_UNIFIED = 141
MAX_SEQUENCES = 256

Logits = npt.NDArray[np.float32]


class _Opaque(C.Structure):
    _fields_ = [("raw", C.c_uint8 * _STRUCT_BYTES)]


class _Batch(C.Structure):
    _fields_ = [
        ("n_tokens", C.c_int32),
        ("token", C.POINTER(C.c_int32)),
        ("embd", C.POINTER(C.c_float)),
        ("pos", C.POINTER(C.c_int32)),
        ("n_seq_id", C.POINTER(C.c_int32)),
        ("seq_id", C.POINTER(C.POINTER(C.c_int32))),
        ("logits", C.POINTER(C.c_int8)),
    ]


_LOG_CALLBACK = C.CFUNCTYPE(None, C.c_int, C.c_char_p, C.c_void_p)
_PTR, _I32, _STR, _BOOL = C.c_void_p, C.c_int32, C.c_char_p, C.c_bool
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "llama_log_set": (None, (_LOG_CALLBACK, _PTR)),
    "llama_backend_init": (None, ()),
    "llama_context_default_params": (_Opaque, ()),
    "llama_model_default_params": (_Opaque, ()),
    "llama_model_load_from_file": (_PTR, (_STR, _Opaque)),
    "llama_model_free": (None, (_PTR,)),
    "llama_model_n_ctx_train": (_I32, (_PTR,)),
    "llama_model_meta_val_str": (_I32, (_PTR, _STR, _STR, C.c_size_t)),
    "llama_model_get_vocab": (_PTR, (_PTR,)),
    "llama_init_from_model": (_PTR, (_PTR, _Opaque)),
    "llama_free": (None, (_PTR,)),
    "llama_get_memory": (_PTR, (_PTR,)),
    "llama_memory_seq_rm": (_BOOL, (_PTR, _I32, _I32, _I32)),
    "llama_memory_seq_cp": (None, (_PTR, _I32, _I32, _I32, _I32)),
    "llama_memory_clear": (None, (_PTR, _BOOL)),
    "llama_vocab_n_tokens": (_I32, (_PTR,)),
    "llama_vocab_eos": (_I32, (_PTR,)),
    "llama_vocab_bos": (_I32, (_PTR,)),
    "llama_vocab_get_add_bos": (_BOOL, (_PTR,)),
    "llama_vocab_is_eog": (_BOOL, (_PTR, _I32)),
    "llama_vocab_is_control": (_BOOL, (_PTR, _I32)),
    "llama_tokenize": (_I32, (_PTR, _STR, _I32, C.POINTER(_I32), _I32, _BOOL, _BOOL)),
    "llama_token_to_piece": (_I32, (_PTR, _I32, _STR, _I32, _I32, _BOOL)),
    "llama_batch_init": (_Batch, (_I32, _I32, _I32)),
    "llama_batch_free": (None, (_Batch,)),
    "llama_decode": (_I32, (_PTR, _Batch)),
    "llama_get_logits_ith": (C.POINTER(C.c_float), (_PTR, _I32)),
}


class _Library:
    """The loaded shared object, its typed functions and the errors it logged."""

    def __init__(self, path: Path) -> None:
        self._dll = C.CDLL(str(path))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._dll, name)
            function.restype, function.argtypes = result, list(arguments)
            setattr(self, name, function)
        self.tokenize_address = C.cast(self._dll.llama_tokenize, C.c_void_p).value
        self.errors: deque[str] = deque(maxlen=40)
        self._keep_alive = _LOG_CALLBACK(self._record)
        self._dll.llama_log_set(self._keep_alive, None)
        self._dll.llama_backend_init()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def _record(self, level: int, text: bytes, _user: object) -> None:
        if level == _ERROR_LEVEL:
            self.errors.append(text.decode("utf-8", "replace").strip())


def find_library() -> Path | None:
    """Return the wheel's shared object, or None when the wheel is not installed."""
    spec = importlib.util.find_spec("xllamacpp")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for pattern in ("xllamacpp*.so", "xllamacpp*.pyd", "xllamacpp*.dylib"):
            if found := sorted(Path(folder).glob(pattern)):
                return found[0]
    return None


@cache
def _library() -> _Library:
    path = find_library()
    if path is None:
        raise EngineError(
            "the in-process engine is not installed", hint="pip install 'rung[local]'"
        )
    config.limit_spinning()
    try:
        library = _Library(path)
    except (OSError, AttributeError) as error:
        raise EngineError(
            f"loading {path.name} failed: {error}", hint=f"pip install {WHEEL}"
        ) from None
    _check_layout(library)
    return library


def _check_layout(library: _Library) -> None:
    raw = bytes(library.llama_context_default_params().raw)
    ints = np.frombuffer(raw, dtype=np.int32)
    bools = tuple(raw[_BOOLS_AT : _BOOLS_AT + len(_BOOLS)])
    wrong = [name for name, (at, default) in _CONTEXT_INT32.items() if ints[at] != default]
    if wrong or bools != _BOOLS:
        raise EngineError(
            f"the installed xllamacpp has other context parameters ({wrong or bools})",
            hint=f"pip install {WHEEL}",
        )


class LlamaModel:
    """One GGUF model with one context of `context_tokens` cells shared by all sequences.

    Not thread-safe: the engine that owns it holds a lock.
    """

    def __init__(self, path: Path, *, context_tokens: int, threads: int) -> None:
        if not path.is_file():
            raise EngineError(f"no model file {path}", hint="rung models")
        self._lib = _library()
        self._lib.errors.clear()
        self._model = self._lib.llama_model_load_from_file(
            os.fsencode(path), self._lib.llama_model_default_params()
        )
        if not self._model:
            raise EngineError(
                f"{path} is not a model llama.cpp can load: {self._reason()}",
                hint="pull it again: rung models pull NAME --force",
            )
        self.context_tokens = min(
            context_tokens, self._lib.llama_model_n_ctx_train(self._model) or context_tokens
        )
        self.batch_tokens = 512
        self._context = self._lib.llama_init_from_model(self._model, self._context_params(threads))
        if not self._context:
            self._lib.llama_model_free(self._model)
            raise EngineError(
                f"no context of {self.context_tokens} tokens for {path}: {self._reason()}"
            )
        self._memory = self._lib.llama_get_memory(self._context)
        self.vocab = self._lib.llama_model_get_vocab(self._model)
        self.num_vocab: int = self._lib.llama_vocab_n_tokens(self.vocab)
        self.eos: int = self._lib.llama_vocab_eos(self.vocab)
        self.first: list[int] = []
        """The token every prompt of this model starts with, if it wants one."""
        if self._lib.llama_vocab_get_add_bos(self.vocab):
            self.first = [self._lib.llama_vocab_bos(self.vocab)]
        self._batch = self._lib.llama_batch_init(self.batch_tokens, 0, MAX_SEQUENCES)
        self._closed = False

    def _context_params(self, threads: int) -> _Opaque:
        params: _Opaque = self._lib.llama_context_default_params()
        raw = np.ctypeslib.as_array(params.raw)
        ints = raw.view(np.int32)
        values = {
            "n_ctx": self.context_tokens,
            "n_batch": self.batch_tokens,
            "n_ubatch": self.batch_tokens,
            "n_seq_max": MAX_SEQUENCES,
            "n_outputs_max_per_seq": 0,
            "n_threads": threads,
            "n_threads_batch": threads,
        }
        for name, value in values.items():
            ints[_CONTEXT_INT32[name][0]] = value
        raw[_KV_UNIFIED] = 1
        return params

    def _reason(self) -> str:
        """Return the first error logged, which names the cause; later ones say that it failed."""
        first = next((line for line in self._lib.errors if line), "no reason given")
        return first.partition(": ")[2] or first

    @property
    def tokenize_address(self) -> int:
        """Address of `llama_tokenize`, for libraries that build a tokenizer from the vocabulary."""
        return int(self._lib.tokenize_address or 0)

    def metadata(self, key: str) -> str:
        """Return a GGUF metadata value as text; empty when the key is absent."""
        size = 1 << 16
        buffer = C.create_string_buffer(size)
        length = self._lib.llama_model_meta_val_str(self._model, key.encode(), buffer, size)
        return buffer.value.decode("utf-8", "replace") if length >= 0 else ""

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Return token ids; control tokens written in `text` count only when `special`."""
        data = text.encode()
        out = (_I32 * (len(data) + 8))()
        count = self._lib.llama_tokenize(self.vocab, data, len(data), out, len(out), False, special)
        if count < 0:
            raise EngineError(f"tokenizing {len(data)} bytes failed with {count}")
        return list(out[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes a token stands for; control tokens give their name."""
        size = 256
        buffer = C.create_string_buffer(size)
        count = self._lib.llama_token_to_piece(self.vocab, token, buffer, size, 0, True)
        if count < 0:  # the bytes it needs
            size = -count
            buffer = C.create_string_buffer(size)
            count = self._lib.llama_token_to_piece(self.vocab, token, buffer, size, 0, True)
        return buffer.raw[: max(count, 0)]

    def is_end(self, token: int) -> bool:
        """Return whether a token ends the answer."""
        return bool(self._lib.llama_vocab_is_eog(self.vocab, token))

    def is_control(self, token: int) -> bool:
        """Return whether a token is a control token of the chat format."""
        return bool(self._lib.llama_vocab_is_control(self.vocab, token))

    def decode(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        sequences: Sequence[Sequence[int]],
        wanted: Sequence[int],
    ) -> Logits:
        """Evaluate at most `batch_tokens` tokens; return the `wanted` logits, (wanted, vocab)."""
        batch = self._batch
        if not 0 < len(tokens) <= self.batch_tokens:
            raise ValueError(f"a batch holds 1 to {self.batch_tokens} tokens, not {len(tokens)}")
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.logits[i] = token, positions[i], 0
            batch.n_seq_id[i] = len(sequences[i])
            for j, sequence in enumerate(sequences[i]):
                batch.seq_id[i][j] = sequence
        for i in wanted:
            batch.logits[i] = 1
        batch.n_tokens = len(tokens)
        code = self._lib.llama_decode(self._context, batch)
        if code == 1:
            raise EngineError(f"the context of {self.context_tokens} tokens is full", of_input=True)
        if code != 0:
            raise EngineError(f"llama.cpp could not evaluate a batch: code {code}")
        out = np.empty((len(wanted), self.num_vocab), dtype=np.float32)
        for row, i in enumerate(wanted):
            pointer = self._lib.llama_get_logits_ith(self._context, i)
            out[row] = np.ctypeslib.as_array(pointer, (self.num_vocab,))
        return out

    def forget(self, sequence: int, start: int = 0) -> None:
        """Drop a sequence's cells from position `start` on."""
        self._lib.llama_memory_seq_rm(self._memory, sequence, start, -1)

    def share(self, source: int, target: int, start: int, end: int) -> None:
        """Let `target` see the cells of `source` at positions [start, end); no data is copied."""
        self._lib.llama_memory_seq_cp(self._memory, source, target, start, end)

    def clear(self) -> None:
        """Drop every sequence."""
        self._lib.llama_memory_clear(self._memory, True)

    def close(self) -> None:
        """Free the context and the model."""
        if not self._closed:
            self._closed = True
            self._lib.llama_batch_free(self._batch)
            self._lib.llama_free(self._context)
            self._lib.llama_model_free(self._model)
