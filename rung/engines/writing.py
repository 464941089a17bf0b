"""Write an answer token by token: free text, or text inside a grammar.

The loop that every in-process engine shares. It evaluates nothing itself (`extend` does) and forces
nothing: whatever is to stand before the answer was evaluated by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rung.engines.base import FinishReason, Request, TokenLogprob
from rung.engines.sampling import Logits, log_softmax, pick


class Vocabulary(Protocol):
    """A model's tokens as text and back."""

    first: list[int]
    """The token every prompt of this model starts with, if it wants one."""
    bos: int | None
    """The token that stands for the start of a text, wanted or not."""

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Return token ids; control tokens written in `text` count only when `special`."""
        ...

    def piece(self, token: int) -> bytes:
        """Return the bytes a token stands for; control tokens give their name."""
        ...

    def is_end(self, token: int) -> bool:
        """Return whether a token ends the answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written; `num_tokens` counts the token that ended it too."""

    text: str
    reason: FinishReason
    num_tokens: int
    logprobs: tuple[TokenLogprob, ...]


def write(
    request: Request,
    vocabulary: Vocabulary,
    matcher: Any,
    logits: Logits,
    extend: Callable[[int], Logits],
) -> Written:
    """Write until the model, the grammar of `matcher`, a stop string or the limit ends it.

    `logits` follow the prompt, `extend(token)` returns those after one more token.
    """
    random = np.random.default_rng(request.seed)
    tokens: list[int] = []
    logprobs: list[TokenLogprob] = []
    data = b""

    def written(text: bytes, reason: FinishReason = "stop") -> Written:
        return Written(
            text=readable(text), reason=reason, num_tokens=len(tokens), logprobs=tuple(logprobs)
        )

    while len(tokens) < request.max_tokens:
        if tokens:
            logits = extend(tokens[-1])
        token = pick(logits, matcher, request.temperature, random)
        tokens.append(token)
        if request.top_logprobs:
            logprobs.append(_describe(vocabulary, token, logits, request.top_logprobs))
        if vocabulary.is_end(token):
            return written(data)
        data += vocabulary.piece(token)
        if matcher is not None and (not matcher.consume_token(token) or matcher.is_stopped()):
            return written(data)
        if (cut := _stop_at(data, request.stop)) is not None:
            return written(data[:cut])
    return written(data, "length")


def readable(data: bytes) -> str:
    """Return bytes as text without the half of a character at either end."""
    return data.decode("utf-8", "ignore")


def _describe(vocabulary: Vocabulary, token: int, logits: Logits, top: int) -> TokenLogprob:
    row = log_softmax(logits)
    best = np.argsort(row)[::-1][:top]
    names = [(readable(vocabulary.piece(int(i))), float(row[i])) for i in best]
    return TokenLogprob(
        token=readable(vocabulary.piece(token)), logprob=float(row[token]), top=tuple(names)
    )


def _stop_at(data: bytes, stops: Sequence[str]) -> int | None:
    found = [at for stop in stops if (at := data.find(stop.encode())) >= 0]
    return min(found) if found else None
