"""An engine that knows the answer: serving writes it, and every token it decides is noted.

The engine has a model's tokens and chat template but no weights. Asked for logits it wants the next
token of the text that it was told, so the very code that serves writes the answer, and what it asks
for is what the model will be asked for. `texts.py` makes texts to train on of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from rung.core.records import Message
from rung.engines.base import Request, Thinking
from rung.engines.branches import Branches
from rung.engines.in_process import InProcessEngine
from rung.engines.sampling import Grammars, Logits
from rung.engines.speech import Speech
from rung.engines.steps import Step

_CONTEXT_TOKENS = 1 << 16
_MAX_BRANCHES = 256
_SURE = np.float32(50.0)
"""Logit of the token to write; the others have 0."""


@dataclass(slots=True)
class Dictation:
    """What is to be written after a prompt, and what was asked meanwhile."""

    prompt: tuple[int, ...]
    answers: tuple[bytes, ...]
    """Texts that may come next, each with all that follows; the first one that fits what was
    written so far is meant."""
    end: int
    """The token behind a text."""
    grammars: Grammars
    asked: dict[tuple[int, ...], int] = field(default_factory=dict)
    """The token wanted after each run of tokens (prompt not included) at which logits were read."""
    _canonical: list[tuple[int, ...]] | None = None

    def next(self, tokens: Sequence[int]) -> int | None:
        """Return the token that comes after a branch's tokens; None where it leads nowhere."""
        size = len(self.prompt)
        if len(tokens) < size:
            return None
        written = tuple(tokens[size:])
        found = self._follow(written)
        if found is not None:
            self.asked[written] = found
        return found

    def decided(self) -> dict[tuple[int, ...], int]:
        """Return what was asked on the way to the answer.

        Drafts that were evaluated and then given up, since another token was wanted, do not count.
        """
        led: dict[tuple[int, ...], bool] = {(): True}
        return {
            written: wanted for written, wanted in self.asked.items() if self._led(written, led)
        }

    def _led(self, written: tuple[int, ...], known: dict[tuple[int, ...], bool]) -> bool:
        """Return whether every token was the one that was wanted; `known` says it of beginnings."""
        at = next(at for at in range(len(written), -1, -1) if written[:at] in known)
        led = known[written[:at]]
        for end in range(at + 1, len(written) + 1):
            token = written[end - 1]
            led = led and self.asked.get(written[: end - 1], token) == token
            known[written[:end]] = led
        return led

    def _follow(self, written: tuple[int, ...]) -> int | None:
        if self._canonical is None:
            self._canonical = [(*self.grammars.tokenize(text), self.end) for text in self.answers]
        for answer in self._canonical:
            if len(written) < len(answer) and answer[: len(written)] == written:
                return answer[len(written)]
        begun = self.grammars.bytes_of(written)  # in other tokens than the tokenizer's own
        for text in self.answers:
            if text.startswith(begun):
                rest = text[len(begun) :]
                return self.grammars.tokenize(rest)[0] if rest else self.end
        return None


class Scribe(InProcessEngine):
    """Writes what it is told. Satisfies `Engine` and `TokenModel`; close it after use."""

    def __init__(self, speech: Speech, name: str = "scribe") -> None:
        self._paper = _Paper(speech.num_vocab)
        super().__init__(
            name,
            vocabulary=speech.vocabulary,
            template=speech.template,
            branches=self._paper,
            grammars=speech.grammars,
            free=speech.free,
            adapters=False,
        )

    @property
    def end(self) -> int:
        """The token that ends an answer."""
        return int(self.grammars.tokenizer.eos_token)

    def prompt(
        self, messages: Sequence[Message], thinking: Thinking = "default"
    ) -> tuple[int, ...]:
        """Return the tokens of a conversation up to where the model speaks."""
        opened = self.open(Request(messages=tuple(messages), thinking=thinking))
        tokens = (*opened.branch.tokens, *opened.rest)
        self.branches.drop(opened.branch)
        return tokens

    @contextmanager
    def told(self, dictation: Dictation) -> Iterator[None]:
        """Write what a dictation says until the block ends."""
        self._paper.dictation = dictation
        try:
            yield
        finally:
            self._paper.dictation = None
            self.branches.reset()


class _Paper(Branches):
    """Branches that hold tokens only."""

    def __init__(self, num_vocab: int) -> None:
        super().__init__(
            context_tokens=_CONTEXT_TOKENS, max_branches=_MAX_BRANCHES, batch_tokens=512
        )
        self.dictation: Dictation | None = None
        self._num_vocab = num_vocab

    def evaluate(self, steps: Sequence[Step]) -> list[Logits]:
        """Append the tokens; the logits want what was dictated."""
        return [self._evaluate(step) for step in steps]

    def _evaluate(self, step: Step) -> Logits:
        rows: Logits = np.zeros((step.num_logits, self._num_vocab), dtype=np.float32)
        first = len(step.tokens) - step.num_logits
        for at, token in enumerate(step.tokens):
            for branch in step.branches:
                branch.tokens.append(token)
            if at >= first and self.dictation is not None:
                wanted = self.dictation.next(step.branches[0].tokens)
                if wanted is not None:
                    rows[at - first, wanted] = _SURE
        return rows

    def _prepare(self, adapter: str) -> None:
        """There are no weights to adapt."""

    def _new(self) -> None:
        return None

    def _share(self, handle: None, length: int) -> None:
        return None

    def _shorten(self, handle: None, length: int) -> None:
        return None

    def _free(self, handle: None) -> None:
        """Nothing is held."""
