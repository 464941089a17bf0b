"""A model without weights that wants a given text in its tokenizer's own tokens."""

from __future__ import annotations

from collections.abc import Sequence
from threading import RLock
from typing import NamedTuple

import numpy as np
import pytest

from rung.core.errors import EngineError
from rung.engines.base import Capabilities, Completion, Request

pytest.importorskip("llguidance", reason="pip install 'rung[local]'")
from rung.engines.llama import llama_tokenizer
from rung.engines.llama_vocab import LlamaVocab
from rung.engines.sampling import Grammars, Logits
from rung.engines.steps import Branch, Opened, Step
from rung.forms.token_line import TokenLine


class Vocabulary(NamedTuple):
    """A tokenizer and the token of each byte string."""

    vocab: LlamaVocab
    grammars: Grammars
    pieces: dict[bytes, int]

    @classmethod
    def of(cls, vocab: LlamaVocab) -> Vocabulary:
        grammars = grammars_of(vocab)
        size = grammars.tokenizer.vocab_size
        return cls(vocab, grammars, {grammars.bytes_of([t]): t for t in reversed(range(size))})


def grammars_of(vocab: LlamaVocab) -> Grammars:
    control = {t for t in range(vocab.num_vocab) if vocab.is_control(t) or vocab.is_end(t)}
    return Grammars(lambda: llama_tokenizer(vocab, control))


class Reciter:
    """Wants one text in its tokenizer's own tokens; satisfies `TokenModel`.

    Where other tokens of the text stand already it goes on with the longest token that fits.
    """

    model = "fake:reciter"
    capabilities = Capabilities(tokens=True, choice_logprobs=True)
    max_branches = 256

    def __init__(self, vocabulary: Vocabulary, text: str) -> None:
        self.lock = RLock()
        self.grammars, self.pieces = grammars, _ = vocabulary.grammars, vocabulary.pieces
        self.prompt = grammars.tokenize(b"Answer:\n")
        self.text = text.encode()
        self.tokens = grammars.tokenize(self.text)
        self.num_vocab: int = grammars.tokenizer.vocab_size

    def open(self, request: Request) -> Opened:
        return Opened(branch=Branch(handle=None), rest=tuple(self.prompt), num_cached=0)

    def evaluate(self, steps: Sequence[Step]) -> list[Logits]:
        return [self._append(step) for step in steps]

    def _append(self, step: Step) -> Logits:
        rows = []
        for i, token in enumerate(step.tokens):
            for branch in step.branches:
                branch.tokens.append(token)
            if i >= len(step.tokens) - step.num_logits:
                rows.append(self._speak(step.branches[0].tokens[len(self.prompt) :]))
        return np.array(rows, dtype=np.float32).reshape(len(rows), self.num_vocab)

    def _speak(self, tokens: Sequence[int]) -> Logits:
        logits = np.zeros(self.num_vocab, dtype=np.float32)
        if (token := self._next(list(tokens))) is not None:
            logits[token] = 30.0
        return logits

    def _next(self, tokens: list[int]) -> int | None:
        said = self.grammars.bytes_of(tokens)
        if tokens == self.tokens or said == self.text:
            return int(self.grammars.tokenizer.eos_token)
        if tokens == self.tokens[: len(tokens)]:
            return self.tokens[len(tokens)]
        if not self.text.startswith(said):
            return None
        rest = self.text[len(said) :]
        return next(self.pieces[rest[:n]] for n in range(32, 0, -1) if rest[:n] in self.pieces)

    def fork(self, branch: Branch, length: int | None = None) -> Branch:
        return Branch(handle=None, tokens=branch.tokens[:length])

    def cut(self, branch: Branch, length: int) -> None:
        del branch.tokens[length:]

    def release(self, branch: Branch) -> None:
        """Nothing is held."""

    def drop(self, branch: Branch) -> None:
        """Nothing is held."""

    def complete(self, request: Request) -> Completion:
        raise EngineError("this model fills forms and writes nothing else")

    def close(self) -> None:
        """Nothing to free."""


def record_lines(patch: pytest.MonkeyPatch, found: list[list[int]]) -> None:
    """Keep the tokens of each answer that is finished, those never evaluated included."""
    finish = TokenLine.finish

    def record(line: TokenLine) -> None:
        rest = line.grammars.tokenize(line.unfed)
        found.append([*line.branch.tokens, *line.pending, *rest])
        finish(line)

    patch.setattr(TokenLine, "finish", record)
