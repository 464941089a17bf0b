"""A GGUF model and its context: evaluate tokens on sequences that share cells.

Raw calls only; it knows nothing of prompts, forms or caching. Loading and checking the library is
the business of `llama_library.py`.
"""

from __future__ import annotations

import ctypes as C
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rung.core.errors import EngineError
from rung.engines.llama_library import MAX_SEQUENCES
from rung.engines.llama_vocab import LlamaVocab

Logits = npt.NDArray[np.float32]


class LlamaModel(LlamaVocab):
    """One GGUF model with one context of `context_tokens` cells shared by all sequences.

    Not thread-safe: the engine that owns it holds a lock.
    """

    def __init__(self, path: Path, *, context_tokens: int, threads: int) -> None:
        super().__init__(path, weights=True)
        self.context_tokens = min(
            context_tokens, self._lib.llama_model_n_ctx_train(self._model) or context_tokens
        )
        self.batch_tokens = 512
        params = self._lib.context_params(
            n_ctx=self.context_tokens,
            n_batch=self.batch_tokens,
            n_ubatch=self.batch_tokens,
            n_seq_max=MAX_SEQUENCES,
            n_outputs_max_per_seq=0,
            n_threads=threads,
            n_threads_batch=threads,
            kv_unified=True,
        )
        self._context = self._lib.llama_init_from_model(self._model, params)
        if not self._context:
            super().close()
            raise EngineError(
                f"no context of {self.context_tokens} tokens for {path}: {self._reason()}"
            )
        self._memory = self._lib.llama_get_memory(self._context)
        self._batch = self._lib.llama_batch_init(self.batch_tokens, 0, MAX_SEQUENCES)

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

    def load_adapter(self, path: Path) -> int:
        """Load a LoRA in GGUF; return its address. Raises EngineError where it does not fit."""
        self._lib.errors.clear()
        address = self._lib.llama_adapter_lora_init(self._model, os.fsencode(path))
        if not address:
            raise EngineError(
                f"adapter {path} does not fit this model: {self._reason()}",
                hint="rung parity ADAPTER exports it for the model it was trained on",
            )
        return int(address)

    def use_adapter(self, address: int) -> None:
        """Evaluate with a loaded adapter from now on; 0 is none."""
        count = 1 if address else 0
        code = self._lib.llama_set_adapters_lora(
            self._context, (C.c_void_p * 1)(address), count, (C.c_float * 1)(1.0)
        )
        if code != 0:
            raise EngineError(f"llama.cpp could not switch the adapter: code {code}")

    def free_adapter(self, address: int) -> None:
        """Free an adapter that is not in use."""
        self._lib.llama_adapter_lora_free(address)

    def close(self) -> None:
        """Free the context and the model, with its adapters."""
        if not self._closed:
            self._lib.llama_batch_free(self._batch)
            self._lib.llama_free(self._context)
        super().close()
