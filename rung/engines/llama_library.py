"""A llama.cpp shared object through ctypes: loaded, typed, and checked before it is trusted.

Parameter structs are opaque buffers filled by the library's own defaults, of which only the fields
in `CONTEXT` and `MODEL` are read or written, at the places the caller names. Where the known
defaults do not stand there, the library is refused, not misread. Which package it comes from is
decided in `llama_packages.py`; what the functions are called for, in `llama_api.py`.
"""

from __future__ import annotations

import ctypes as C
from collections import deque
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

MAX_SEQUENCES = 256
_STRUCT_BYTES = 512
_ERROR_LEVEL = 4

_INT, _FLAG = C.c_int32, C.c_uint8
CONTEXT: dict[str, tuple[Any, int]] = {
    "n_ctx": (_INT, 512),
    "n_batch": (_INT, 2048),
    "n_ubatch": (_INT, 512),
    "n_seq_max": (_INT, 1),
    "n_outputs_max": (_INT, 0),
    "n_outputs_max_per_seq": (_INT, 1),
    "n_threads": (_INT, 4),
    "n_threads_batch": (_INT, 4),
    "embeddings": (_FLAG, 0),
    "offload_kqv": (_FLAG, 1),
    "no_perf": (_FLAG, 1),
    "op_offload": (_FLAG, 1),
    "swa_full": (_FLAG, 1),
    "kv_unified": (_FLAG, 0),
}
"""Fields of llama_context_params, with the defaults that tell whether they were found."""
MODEL: dict[str, tuple[Any, int]] = {
    "n_gpu_layers": (_INT, -1),
    "vocab_only": (_FLAG, 0),
    "check_tensors": (_FLAG, 0),
    "use_extra_bufts": (_FLAG, 1),
}

Places = Mapping[str, Mapping[str, int]]
"""Byte offsets of the fields of `context` and `model`."""


class Params(C.Structure):
    """A parameter struct of whatever layout."""

    _fields_ = [("raw", C.c_uint8 * _STRUCT_BYTES)]


class Batch(C.Structure):
    """llama_batch."""

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
    "llama_print_system_info": (_STR, ()),
    "llama_context_default_params": (Params, ()),
    "llama_model_default_params": (Params, ()),
    "llama_model_load_from_file": (_PTR, (_STR, Params)),
    "llama_model_free": (None, (_PTR,)),
    "llama_model_n_ctx_train": (_I32, (_PTR,)),
    "llama_model_meta_val_str": (_I32, (_PTR, _STR, _STR, C.c_size_t)),
    "llama_model_get_vocab": (_PTR, (_PTR,)),
    "llama_adapter_lora_init": (_PTR, (_PTR, _STR)),
    "llama_adapter_lora_free": (None, (_PTR,)),
    "llama_init_from_model": (_PTR, (_PTR, Params)),
    "llama_set_adapters_lora": (_I32, (_PTR, C.POINTER(_PTR), C.c_size_t, C.POINTER(C.c_float))),
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
    "llama_batch_init": (Batch, (_I32, _I32, _I32)),
    "llama_batch_free": (None, (Batch,)),
    "llama_decode": (_I32, (_PTR, Batch)),
    "llama_get_logits_ith": (C.POINTER(C.c_float), (_PTR, _I32)),
}


class Unfit(Exception):
    """A library that cannot be used; carries the reason."""


class _Log:
    """The errors that a shared object logged. It is never freed: the object calls `callback`."""

    def __init__(self) -> None:
        self.errors: deque[str] = deque(maxlen=40)
        self.callback = _LOG_CALLBACK(self._record)

    def _record(self, level: int, text: bytes, _user: object) -> None:
        if level == _ERROR_LEVEL:
            self.errors.append(text.decode("utf-8", "replace").strip())


@cache
def _log_of(_path: Path) -> _Log:
    """Return the one log of a shared object, however often it is loaded."""
    return _Log()


class Library:
    """A loaded shared object: its typed functions, its parameters, the errors it logged."""

    def __init__(self, name: str, path: Path, places: Places) -> None:
        self.name = name
        log = _log_of(path.resolve())
        self.errors = log.errors
        self._places = places
        try:
            self._dll = C.CDLL(str(path))
            for function_name, (result, arguments) in _SIGNATURES.items():
                function = getattr(self._dll, function_name)
                function.restype, function.argtypes = result, list(arguments)
                setattr(self, function_name, function)
        except (OSError, AttributeError) as error:
            raise Unfit(f"loading {path.name} failed: {error}") from None
        self.tokenize_address = int(C.cast(self._dll.llama_tokenize, C.c_void_p).value or 0)
        self._dll.llama_log_set(log.callback, None)
        self._dll.llama_backend_init()
        self._check()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    @property
    def is_avx512(self) -> bool:
        """Whether it was compiled for AVX-512."""
        return b"AVX512 = 1" in self._dll.llama_print_system_info()

    def context_params(self, **values: int) -> Params:
        """Return the library's own defaults but for `values`."""
        params: Params = self._dll.llama_context_default_params()
        return self._changed(params, "context", CONTEXT, values)

    def model_params(self, **values: int) -> Params:
        """Return the library's own defaults but for `values`."""
        params: Params = self._dll.llama_model_default_params()
        return self._changed(params, "model", MODEL, values)

    def _changed(
        self, params: Params, which: str, fields: Mapping[str, Any], values: Mapping[str, int]
    ) -> Params:
        for name, value in values.items():
            fields[name][0].from_buffer(params, self._places[which][name]).value = value
        return params

    def _check(self) -> None:
        """Raise Unfit unless every struct is laid out as expected."""
        found = {"context": self.context_params(), "model": self.model_params()}
        for which, fields in (("context", CONTEXT), ("model", MODEL)):
            for name, (kind, default) in fields.items():
                value = kind.from_buffer(found[which], self._places[which][name]).value
                if value != default:
                    raise Unfit(f"other {which} parameters: {name} is {value}, not {default}")
        batch = self._dll.llama_batch_init(2, 0, 2)
        arrays = (batch.token, batch.pos, batch.n_seq_id, batch.seq_id, batch.logits)
        if batch.n_tokens or batch.embd or not all(arrays):
            raise Unfit("another layout of batches")
        self._dll.llama_batch_free(batch)
