"""Grammars over a model's own vocabulary, and the choice of the next token inside one.

Masks, forced text and healed tokenization come from llguidance. Nothing here evaluates a model.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import llguidance
import numpy as np
import numpy.typing as npt

from rung.core.errors import EngineError
from rung.engines.healing import Pieces

Logits = npt.NDArray[np.float32]

_MAX_MATCHERS = 256
_RECENT_TOKENS = 8
_SAMPLES = ('{"Kind": "a  b", "n": [1, 22]}', " x\n\n  y ", "Zürich, 日本語 🙂")


def log_softmax(logits: Logits) -> npt.NDArray[np.float64]:
    """Return log-probabilities of one row of logits, shape (vocab,)."""
    row: npt.NDArray[np.float64] = logits.astype(np.float64)
    row -= row.max()
    row -= np.log(np.exp(row).sum())
    return row


def regex_grammar(regex: str) -> str:
    """Return the grammar of the texts that match `regex` whole."""
    return str(llguidance.LLMatcher.grammar_from_regex(regex))


def lark_grammar(lark: str) -> str:
    """Return the grammar of a Lark source whose first rule is `start`."""
    return str(llguidance.LLMatcher.grammar_from_lark(lark))


def schema_grammar(schema: Any, **options: Any) -> str:
    """Return the grammar of the JSON texts of a schema, written with `, ` and `: `."""
    separators: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
    return str(
        llguidance.LLMatcher.grammar_from_json_schema(
            json.dumps(schema), overrides=separators | options
        )
    )


class Grammars:
    """A model's tokenizer as llguidance sees it, and the grammars compiled for it.

    `build` makes the `llguidance.LLTokenizer` on first use.
    """

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build
        self._tokenizer: Any = None
        self._pieces: Pieces | None = None
        self._matchers: OrderedDict[str, Any] = OrderedDict()

    @property
    def tokenizer(self) -> Any:
        """The `llguidance.LLTokenizer`."""
        if self._tokenizer is None:
            try:
                built = self._build()
            except ValueError as error:
                raise EngineError(f"nothing can be written in this vocabulary: {error}") from None
            _check_faithful(built)
            self._tokenizer = built
        return self._tokenizer

    def matcher(self, grammar: str) -> Any:
        """Return a fresh matcher. Raises EngineError when the grammar cannot be compiled."""
        if grammar not in self._matchers:
            matcher = llguidance.LLMatcher(self.tokenizer, grammar, log_level=0)
            if matcher.is_error():
                reason = matcher.get_error().splitlines()[0]
                raise EngineError(
                    f"the engine cannot enforce this grammar: {reason}", of_input=True
                )
            self._matchers[grammar] = matcher
            if len(self._matchers) > _MAX_MATCHERS:
                self._matchers.popitem(last=False)
        self._matchers.move_to_end(grammar)
        return self._matchers[grammar].deep_copy()

    def tokenize(self, text: bytes) -> list[int]:
        """Return the canonical tokens of plain text in the middle of a document.

        What the tokenizer would spell in another way (accents composed, say) is spelled as it is.
        """
        tokens: list[int] = self.tokenizer.tokenize_bytes(text)
        if self.bytes_of(tokens) != text and _is_text(text):
            tokens = self.tokenizer.greedy_tokenize(text.decode())
        return tokens

    def settle(self, text: bytes, before: Sequence[int]) -> tuple[list[int], bytes]:
        """Return the tokens of `text` that stand whatever follows, and the bytes they leave.

        `before` are the tokens the text comes after. What is left might be part of a longer token
        together with what follows, so it must not be tokenized yet (token healing).
        """
        tokens, left = self.tokenizer.tokenize_partial(text, list(before[-_RECENT_TOKENS:]))
        tokens, left = list(tokens), bytes(left)
        if self.bytes_of(tokens) + left != text:
            tokens, left = self.tokenize(text), b""
        while tokens and self._known_pieces().reach_over(text, len(text) - len(left)):
            left = self.bytes_of([tokens.pop()]) + left
        return tokens, left

    def _known_pieces(self) -> Pieces:
        if self._pieces is None:
            tokens = range(self.tokenizer.vocab_size)
            self._pieces = Pieces(self.bytes_of([token]) for token in tokens)
        return self._pieces

    def bytes_of(self, tokens: Sequence[int]) -> bytes:
        """Return the bytes that tokens stand for."""
        return bytes(self.tokenizer.decode_bytes(list(tokens)))

    def is_end(self, token: int) -> bool:
        """Return whether a token ends an answer."""
        return token in self.tokenizer.eos_tokens

    def clear(self) -> None:
        """Drop everything that refers to the model."""
        self._matchers.clear()
        self._tokenizer = self._pieces = None


def _check_faithful(tokenizer: Any) -> None:
    """Refuse a tokenizer that changes text (lower case, other spaces): no form can be forced."""
    for text in _SAMPLES:
        found = bytes(tokenizer.decode_bytes(tokenizer.tokenize_bytes(text.encode())))
        if found != text.encode():
            raise EngineError(f"the model's tokenizer turns {text!r} into {found.decode()!r}")


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def allowed_tokens(matcher: Any, num_vocab: int) -> npt.NDArray[np.bool_]:
    """Return which tokens may come next, shape (vocab,)."""
    mask = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
    return np.unpackbits(mask, bitorder="little")[:num_vocab].astype(bool)


def pick(logits: Logits, matcher: Any, temperature: float, random: np.random.Generator) -> int:
    """Return the next token inside the matcher's grammar: greedy at temperature 0, else drawn."""
    if temperature <= 0:
        token = int(logits.argmax())
        if matcher is None or matcher.validate_tokens([token]) == 1:
            return token
    tokens = np.arange(len(logits))
    if matcher is not None:
        tokens = np.flatnonzero(allowed_tokens(matcher, len(logits)))
        logits = logits[tokens]
    if temperature > 0:
        p = np.exp(log_softmax(logits / np.float32(temperature)))
        if np.isfinite(p).all():
            return int(random.choice(tokens, p=p / p.sum()))
    return int(tokens[logits.argmax()])
