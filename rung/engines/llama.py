"""The llama.cpp engine: one GGUF file on this machine's CPU.

Loads the model and says what its tokens are; answering is `in_process.py`, the key-value cache
`llama_branches.py`, the library `llama_api.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import llguidance

from rung.core.config import num_threads
from rung.engines.chat import ChatTemplate
from rung.engines.in_process import InProcessEngine
from rung.engines.llama_api import LlamaModel
from rung.engines.llama_branches import LlamaBranches
from rung.engines.llama_vocab import LlamaVocab
from rung.engines.sampling import Grammars
from rung.engines.writing import readable


class LlamaEngine(InProcessEngine):
    """Runs one GGUF file; satisfies `Engine` and `TokenModel`. Calls are serialised by a lock."""

    def __init__(
        self, model: str, path: Path, *, context_tokens: int = 4096, threads: int | None = None
    ) -> None:
        self._api = LlamaModel(
            path, context_tokens=context_tokens, threads=threads or num_threads()
        )
        self._control = {token for token in range(self._api.num_vocab) if self._is_control(token)}
        super().__init__(
            model,
            vocabulary=self._api,
            template=ChatTemplate(
                self._api.metadata("tokenizer.chat_template"),
                bos=self._token_name("tokenizer.ggml.bos_token_id"),
                eos=self._token_name("tokenizer.ggml.eos_token_id"),
                control=[readable(self._api.piece(token)) for token in self._control],
            ),
            branches=LlamaBranches(self._api),
            grammars=Grammars(lambda: llama_tokenizer(self._api, self._control)),
            free=self._api.close,
        )

    def _is_control(self, token: int) -> bool:
        return self._api.is_control(token) or self._api.is_end(token)

    def _token_name(self, key: str) -> str:
        text = self._api.metadata(key)
        return readable(self._api.piece(int(text))) if text.isdigit() else ""


def llama_tokenizer(api: LlamaVocab, control: set[int]) -> Any:
    """Return llguidance's view of a model's vocabulary; `control` tokens are never plain text."""
    factory: Any = llguidance.LLTokenizer
    return factory.from_llamacpp(
        tokens=[
            (b"\xff" if token in control else b"") + api.piece(token)
            for token in range(api.num_vocab)
        ],
        vocab_ptr=api.vocab,
        tokenize_fptr=api.tokenize_address,
        eos_token=[api.eos, *sorted(t for t in control if api.is_end(t) and t != api.eos)],
    )
