"""Choose the next token: greedy or sampled, inside a grammar where the request sets one.

Masks come from llguidance, built on the model's own vocabulary. Nothing here evaluates a model.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import llguidance
import numpy as np

from rung.core.errors import EngineError
from rung.engines.base import Request
from rung.engines.llama_api import LlamaModel, Logits
from rung.engines.options import log_softmax

_MAX_MATCHERS = 64


class Grammars:
    """Compiled grammars of one model; `control` tokens are never part of a constrained text."""

    def __init__(self, api: LlamaModel, control: Collection[int]) -> None:
        self._api, self._control = api, control
        self._tokenizer: Any = None
        self._matchers: dict[str, Any] = {}

    def matcher(self, request: Request) -> Any:
        """Return a fresh matcher of the request's regex or schema; None when it has neither."""
        if request.regex:
            grammar = llguidance.LLMatcher.grammar_from_regex(request.regex)
        elif request.schema is not None:
            grammar = llguidance.LLMatcher.grammar_from_json_schema(
                json.dumps(request.schema),
                overrides={
                    "whitespace_flexible": False,
                    "item_separator": ", ",
                    "key_separator": ": ",
                },
            )
        else:
            return None
        if grammar not in self._matchers:
            matcher = llguidance.LLMatcher(self._build_tokenizer(), grammar)
            if matcher.is_error():
                reason = matcher.get_error().splitlines()[0]
                raise EngineError(f"the engine cannot enforce this grammar: {reason}")
            if len(self._matchers) >= _MAX_MATCHERS:
                self._matchers.clear()
            self._matchers[grammar] = matcher
        return self._matchers[grammar].deep_copy()

    def clear(self) -> None:
        """Drop everything that refers to the model."""
        self._matchers.clear()
        self._tokenizer = None

    def _build_tokenizer(self) -> Any:
        if self._tokenizer is None:
            factory: Any = llguidance.LLTokenizer
            self._tokenizer = factory.from_llamacpp(
                tokens=[
                    (b"\xff" if token in self._control else b"") + self._api.piece(token)
                    for token in range(self._api.num_vocab)
                ],
                vocab_ptr=self._api.vocab,
                tokenize_fptr=self._api.tokenize_address,
                eos_token=self._api.eos,
            )
        return self._tokenizer


def pick(logits: Logits, matcher: Any, temperature: float, random: np.random.Generator) -> int:
    """Return the next token inside the matcher's grammar: greedy at temperature 0, else drawn."""
    if temperature <= 0:
        token = int(logits.argmax())
        if matcher is None or matcher.validate_tokens([token]) == 1:
            return token
    if matcher is not None:
        mask = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
        allowed = np.unpackbits(mask, bitorder="little")[: len(logits)].astype(bool)
        logits = np.where(allowed, logits, -np.inf).astype(np.float32)
    if temperature <= 0:
        return int(logits.argmax())
    p = np.exp(log_softmax(logits / np.float32(temperature)))
    return int(random.choice(len(p), p=p / p.sum()))
