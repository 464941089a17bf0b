"""The pen that asks a server: one request for each decision, through `Engine.complete`.

What stands goes along as a forced prefix that ends before the value's first sign, so that the
server's tokenizer meets the same boundary as if the model had written the whole answer. Requests
are yielded, so those of parallel slots go out together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rung.core.records import Effort, Usage
from rung.engines.base import Completion, Engine, Request
from rung.forms.drive import Work
from rung.forms.literals import quote
from rung.forms.pen import Draw, Drawn, Judge, Scores
from rung.forms.scan import LiteralScan

MAX_REQUESTS_AT_ONCE = 8
_BOUNDARY = re.compile(r'\s*"?\Z')


class RequestPen:
    """Writes through requests; satisfies `Pen`. `request` carries messages, lead and limits."""

    max_forks = MAX_REQUESTS_AT_ONCE

    def __init__(self, engine: Engine, request: Request) -> None:
        self.text = ""
        self.usage = Usage()
        self.effort = Effort()
        self._engine = engine
        self._request = request

    def write(self, text: str) -> None:
        """Write fixed text."""
        self.text += text

    def mark(self) -> int:
        """Return the present state: how much stands."""
        return len(self.text)

    def rewind(self, mark: int) -> None:
        """Go back to a marked state."""
        self.text = self.text[:mark]

    def fork(self, count: int) -> Work[list[RequestPen]]:
        """Return pens that go on from here; nothing needs to be asked for it."""
        pens = []
        for _ in range(count):
            pen = RequestPen(self._engine, self._request)
            pen.text = self.text
            pens.append(pen)
        return pens
        yield  # never reached, but it makes this a generator like every work

    def close(self, *, keep: bool) -> None:
        """Nothing is held."""

    def choose(
        self,
        options: Sequence[str],
        after: Sequence[Sequence[str]],
        judge: Judge,
        *,
        write: bool = True,
    ) -> Work[int]:
        """Ask for one of the options; see `Pen.choose`."""
        held = self._held()
        follows = [_only_end(texts) for texts in after]
        if len(set(follows)) == 1:
            follows = [""] * len(options)
        wanted = tuple(held + option + end for option, end in zip(options, follows, strict=True))
        completion = yield from self._ask(held, choices=wanted)
        if completion.choice_logprobs:
            scores = Scores(logprobs=completion.choice_logprobs, mass=completion.choice_mass)
        else:
            said = completion.text.strip()
            named = [i for i, option in enumerate(wanted) if option.strip() == said]
            scores = Scores(chosen=named[0] if named else None, said=completion.text)
        winner = judge(scores)
        self.text += options[winner] if write else ""
        return winner

    def draw(self, draw: Draw, after: Sequence[str]) -> Work[Drawn]:
        """Ask for text inside the literal's expression; see `Pen.draw`."""
        held = self._held()
        ends = "|".join(map(quote, _ends(after)))
        follow = f"(?:{ends})" if len(_ends(after)) > 1 else ends
        completion = yield from self._ask(
            held,
            regex=quote(held) + draw.regex + follow,
            max_tokens=draw.max_tokens,
            temperature=draw.temperature,
            seed=draw.seed,
        )
        said = _behind(held, completion.text).encode()
        scan = LiteralScan(draw.opening, raw=draw.raw)
        scan.feed(said)
        literal = said[: scan.end].decode("utf-8", "ignore")
        self.text += literal
        cut = completion.finish_reason == "length" and scan.end is None
        return Drawn(text=draw.opening + literal, cut=cut)

    def _held(self) -> str:
        """Return the end of the text that the next request's answer repeats."""
        found = _BOUNDARY.search(self._request.prefix + self.text)
        return found[0] if found else ""

    def _ask(self, held: str, **wanted: Any) -> Work[Completion]:
        text = self._request.prefix + self.text
        request = replace(self._request, prefix=text[: len(text) - len(held)], **wanted)
        answers = yield [request]
        completion: Completion = answers[0]
        self.usage += completion.usage
        return completion


def _behind(held: str, said: str) -> str:
    """Return the answer without what it was to repeat; some servers trim its white space."""
    sign = held.strip()
    if sign and not said.startswith(held):
        return said.lstrip().removeprefix(sign)
    return said.removeprefix(held)


def _only_end(after: Sequence[str]) -> str:
    """Return the sign that certainly follows, empty where several may.

    A model writes it together with what stands before it (`"}}` is one token), so an option that
    was asked for without it would look less likely than it is.
    """
    ends = _ends(after)
    return ends[0] if len(ends) == 1 else ""


def _ends(after: Sequence[str]) -> list[str]:
    """Return the signs one of which ends a value; the server need not write more than that."""
    return list(dict.fromkeys(text[:1] for text in after))
