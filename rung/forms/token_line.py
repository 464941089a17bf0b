"""A line of tokens being written: what was evaluated, what stands, what is not tokenized yet.

Forced text is tokenized only as far as its tokens stand whatever follows; the bytes that are left
open the next grammar (token healing by llguidance's `tokenize_partial`), so no token is forced that
the tokenizer would not produce there. Counts every token once. What to write is decided by
`token_pen.py`, `weigh.py` and `token_draw.py`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from rung.core.records import Effort, Usage
from rung.engines.sampling import Logits
from rung.engines.steps import Branch, Step, TokenModel
from rung.forms.drive import Work

_RECENT_TOKENS = 16


class Mark(NamedTuple):
    """A state of a line to go back to."""

    tokens: tuple[int, ...]
    unfed: bytes
    ahead: bytes
    num_chars: int
    num_output: int


@dataclass(slots=True)
class Room:
    """Branches that may be opened besides those that are written on; lines that share a model share
    it and wait for each other."""

    free: int


class TokenLine:
    """One branch of a token model and what is to be written on it."""

    def __init__(
        self,
        model: TokenModel,
        branch: Branch,
        pending: Sequence[int] = (),
        *,
        forcing: bool = True,
        room: Room | None = None,
    ) -> None:
        self.model = model
        self.room = room or Room(model.max_branches // 2)
        self.grammars = model.grammars
        self.branch = branch
        self.forcing = forcing
        self.text = ""
        self.usage = Usage()
        self.effort = Effort()
        self.pending = list(pending)
        """Tokens that stand but were not evaluated yet."""
        self.unforced = len(self.pending)
        """Those of them that count as prompt or as output."""
        self.unfed = b""
        """Fixed bytes that were not tokenized yet."""
        self.ahead = b""
        """Bytes that stand already and are to be written next."""
        self.logits: Logits | None = None
        """After the last token, when nothing is pending and they were kept."""
        self.credit = 0
        """Tokens counted as output already that a later tokenization will meet again."""
        self._num_prompt = len(self.pending)

    def begin(self, lead: str) -> None:
        """Put text before what will be written; it counts as prompt as far as its tokens stand."""
        tokens, self.unfed = self.grammars.settle(lead.encode(), self.recent())
        self.pending += tokens
        self.unforced = self._num_prompt = len(self.pending)
        self.usage = replace(self.usage, prompt_tokens=self.usage.prompt_tokens + len(tokens))

    def write(self, text: str) -> None:
        """Write fixed text; the part that stands already must agree."""
        self.text += text
        data = text.encode()
        size = min(len(data), len(self.ahead))
        assert data[:size] == self.ahead[:size], f"{data!r} does not follow {self.ahead!r}"
        self.ahead = self.ahead[size:]
        self.unfed += data[size:]

    def mark(self) -> Mark:
        """Return the present state."""
        return Mark(
            tokens=(*self.branch.tokens, *self.pending),
            unfed=self.unfed,
            ahead=self.ahead,
            num_chars=len(self.text),
            num_output=self.usage.output_tokens,
        )

    def rewind(self, mark: Mark) -> None:
        """Go back to a marked state; what was generated since stays counted."""
        standing = os.path.commonprefix([list(mark.tokens), self.branch.tokens])
        self.model.cut(self.branch, len(standing))
        self.pending = list(mark.tokens[len(standing) :])
        self.unfed, self.ahead, self.logits = mark.unfed, mark.ahead, None
        self.unforced = 0
        self.text = self.text[: mark.num_chars]
        self.credit = self.usage.output_tokens - mark.num_output

    def fork(self) -> TokenLine:
        """Return a line that goes on from here; nothing may be pending."""
        branch = self.model.fork(self.branch)
        twin = TokenLine(self.model, branch, forcing=self.forcing, room=self.room)
        twin.text, twin.unfed, twin.ahead = self.text, self.unfed, self.ahead
        return twin

    def count(self, *, forced: int = 0, output: int = 0, **effort: int) -> None:
        """Add to what was used: forced and output tokens, and `Effort` by the start of its name."""
        used = self.usage
        self.usage = replace(
            used,
            forced_tokens=used.forced_tokens + forced,
            output_tokens=used.output_tokens + output,
        )
        if effort:
            self.effort += Effort(**{f"{name}_tokens": count for name, count in effort.items()})

    def recent(self) -> list[int]:
        """Return the last tokens that stand."""
        return [*self.branch.tokens[-_RECENT_TOKENS:], *self.pending]

    def settle(self) -> None:
        """Tokenize the fixed bytes as far as their tokens stand whatever follows."""
        if self.unfed:
            tokens, self.unfed = self.grammars.settle(self.unfed, self.recent())
            self.force(tokens)

    def force(self, tokens: Sequence[int]) -> None:
        """Let tokens stand that the model is not asked about."""
        if not tokens:
            return
        met = min(self.credit, len(tokens))
        self.credit, self.logits = 0, None
        self.count(forced=len(tokens) - met)
        self.pending += tokens
        self.unforced += met

    def finish(self) -> None:
        """Count what was written and never evaluated."""
        left = max(len(self.grammars.tokenize(self.unfed)) - self.credit, 0)
        self.count(forced=left, skipped=len(self.pending) - self.unforced + left)

    def evaluate(self, more: Sequence[int], num_logits: int) -> Work[Logits]:
        """Evaluate what is pending and `more`; return the last logits, (num_logits, vocab)."""
        tokens = [*self.pending, *more]
        if not tokens and self.logits is not None and num_logits == 1:
            return self.logits[None]
        if len(tokens) < num_logits:  # the logits after the last token were not kept
            tokens.insert(0, self.branch.tokens[-1])
            self.model.cut(self.branch, len(self.branch.tokens) - 1)
        if not self.forcing:
            yield from self._one_by_one(tokens, num_logits)
            tokens = tokens[-num_logits:]
        step = Step(branches=(self.branch,), tokens=tuple(tokens), num_logits=num_logits)
        answers = yield [step]
        self.pending, self.logits = [], None
        self.unforced = self._num_prompt = 0
        logits: Logits = answers[0]
        return logits

    def _one_by_one(self, tokens: Sequence[int], num_logits: int) -> Work[None]:
        """Give each forced token a pass of its own, as where a grammar only masks."""
        prompt, forced = tokens[: self._num_prompt], tokens[self._num_prompt : -num_logits]
        if prompt and len(tokens) - num_logits >= len(prompt):
            yield [Step(branches=(self.branch,), tokens=tuple(prompt))]
        elif prompt:
            yield [Step(branches=(self.branch,), tokens=tuple(tokens[:-num_logits]))]
            return
        for token in forced:
            yield [Step(branches=(self.branch,), tokens=(token,), num_logits=1)]
