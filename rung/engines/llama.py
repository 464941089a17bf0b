"""The llama.cpp engine: one GGUF file on this machine's CPU.

Loads the model and says what its tokens are; answering is `in_process.py`, the key-value cache
`llama_branches.py`, adapters `adapter_switch.py`, the library `llama_api.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import llguidance

from rung.core.config import num_threads
from rung.engines.adapter_switch import LlamaSwitch
from rung.engines.catalogue import CONTEXT_TOKENS
from rung.engines.chat import ChatTemplate
from rung.engines.in_process import InProcessEngine
from rung.engines.llama_api import LlamaModel
from rung.engines.llama_branches import LlamaBranches
from rung.engines.llama_vocab import LlamaVocab
from rung.engines.sampling import Grammars
from rung.engines.speech import Speech
from rung.engines.writing import readable


class LlamaEngine(InProcessEngine):
    """Runs one GGUF file; satisfies `Engine` and `TokenModel`. Calls are serialised by a lock."""

    def __init__(
        self,
        model: str,
        path: Path,
        *,
        context_tokens: int = CONTEXT_TOKENS,
        threads: int | None = None,
    ) -> None:
        self._api = LlamaModel(
            path, context_tokens=context_tokens, threads=threads or num_threads()
        )
        speech = speech_of(self._api)
        super().__init__(
            model,
            vocabulary=speech.vocabulary,
            template=speech.template,
            branches=LlamaBranches(self._api, LlamaSwitch(self._api, path)),
            grammars=speech.grammars,
            free=speech.free,
            adapters=True,
        )


def speech_of(api: LlamaVocab) -> Speech:
    """Return what a GGUF file says of its tokens and its chat template."""
    control = {t for t in range(api.num_vocab) if api.is_control(t) or api.is_end(t)}
    template = ChatTemplate(
        api.metadata("tokenizer.chat_template"),
        bos=_token_name(api, "tokenizer.ggml.bos_token_id"),
        eos=_token_name(api, "tokenizer.ggml.eos_token_id"),
        control=[readable(api.piece(token)) for token in control],
    )
    return Speech(
        vocabulary=api,
        template=template,
        grammars=Grammars(lambda: llama_tokenizer(api, control)),
        num_vocab=api.num_vocab,
        free=api.close,
    )


def _token_name(api: LlamaVocab, key: str) -> str:
    text = api.metadata(key)
    return readable(api.piece(int(text))) if text.isdigit() else ""


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
