"""The pen that decides every token: forced text unseen, options weighed, values drawn in a grammar.

It knows neither schemas nor layouts; `token_line.py` keeps the tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from rung.core.records import Effort, Usage
from rung.engines.steps import Opened, Step, TokenModel
from rung.forms.drive import Work
from rung.forms.pen import Draw, Drawn, Judge, Scores
from rung.forms.token_draw import draw_literal
from rung.forms.token_line import Mark, Room, TokenLine
from rung.forms.weigh import RULED_OUT, Scoring, adopt, forget, weigh


class TokenPen:
    """Writes on one line of a token model; satisfies `Pen`."""

    def __init__(self, line: TokenLine, scoring: Scoring = "quick") -> None:
        self._line = line
        self._scoring = scoring

    @classmethod
    def open(
        cls,
        model: TokenModel,
        opened: Opened,
        scoring: Scoring = "quick",
        *,
        forcing: bool = True,
        room: Room | None = None,
        lead: str = "",
    ) -> TokenPen:
        """Return a pen behind a prompt and a `lead`, whose end may share a token with the form.

        Without `forcing` each token gets a pass of its own.
        """
        line = TokenLine(model, opened.branch, opened.rest, forcing=forcing, room=room)
        line.usage = Usage(prompt_tokens=len(opened.rest), cached_tokens=opened.num_cached)
        if lead:
            line.begin(lead)
        return cls(line, scoring)

    @property
    def text(self) -> str:
        """What stands so far."""
        return self._line.text

    @property
    def usage(self) -> Usage:
        """The tokens it took so far."""
        return self._line.usage

    @property
    def effort(self) -> Effort:
        """What else it took so far."""
        return self._line.effort

    @property
    def max_forks(self) -> int:
        """How many pens may go on from here at once."""
        return self._line.model.max_branches // 2 - 1

    def write(self, text: str) -> None:
        """Write fixed text."""
        self._line.write(text)

    def mark(self) -> Mark:
        """Return the present state."""
        return self._line.mark()

    def rewind(self, mark: Mark) -> None:
        """Go back to a marked state; what was generated since stays counted."""
        self._line.rewind(mark)

    def fork(self, count: int) -> Work[list[TokenPen]]:
        """Return pens that go on from here; what is pending is evaluated once, before."""
        line = self._line
        if line.pending:
            yield [Step(branches=(line.branch,), tokens=tuple(line.pending))]
            line.pending, line.logits, line.unforced = [], None, 0
        return [TokenPen(line.fork(), self._scoring) for _ in range(count)]

    def close(self, *, keep: bool) -> None:
        """End the branch; what was written but never needed counts as skipped."""
        self._line.finish()
        model = self._line.model
        (model.release if keep else model.drop)(self._line.branch)

    def choose(
        self,
        options: Sequence[str],
        after: Sequence[Sequence[str]],
        judge: Judge,
        *,
        write: bool = True,
    ) -> Work[int]:
        """Weigh the options by the model's own probabilities; see `Pen.choose`."""
        line = self._line
        line.settle()
        texts = [option.encode() for option in options]
        possible = [i for i, text in enumerate(texts) if _agree(text, line.ahead)]
        scores = [RULED_OUT] * len(options)
        if len(possible) == 1:  # what was written last leaves no choice
            winner = possible[0]
            scores[winner] = 0.0
            judge(Scores(logprobs=tuple(scores), mass=1.0))
            line.unfed += texts[winner][len(line.ahead) :]
            line.ahead = max(line.ahead, texts[winner], key=len)
        else:
            rest = [texts[i][len(line.ahead) :] for i in possible]
            found = yield from weigh(line, rest, [after[i] for i in possible], self._scoring)
            for i, score in zip(possible, found.scores, strict=True):
                scores[i] = score
            try:
                winner = judge(Scores(logprobs=tuple(scores), mass=found.mass))
            except BaseException:
                forget(line, found)
                raise
            if winner not in possible:
                winner = max(possible, key=lambda i: scores[i])
            adopt(line, found, possible.index(winner), rest[possible.index(winner)])
            line.ahead = texts[winner]
        if write:
            line.write(options[winner])
        return winner

    def draw(self, draw: Draw, after: Sequence[str]) -> Work[Drawn]:
        """Draw a literal inside its grammar; see `Pen.draw`."""
        return draw_literal(self._line, draw, after)


def _agree(text: bytes, ahead: bytes) -> bool:
    return text.startswith(ahead) or ahead.startswith(text)
