"""Draw one literal on a line, token by token inside its grammar.

What healing left over goes along as a draft that the model must confirm, so it costs no pass of its
own: drafts are verified as in speculative decoding (Leviathan et al. 2023, arXiv 2211.17192), what
the model would have written stands. Text that the grammar forces inside a value is not asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy

import numpy as np

from rung.engines.sampling import Logits, lark_grammar, pick, regex_grammar
from rung.forms.closing import Closer, goes_on
from rung.forms.drive import Work
from rung.forms.literals import quote
from rung.forms.pen import Draw, Drawn
from rung.forms.scan import LiteralScan
from rung.forms.token_line import TokenLine

_BARE_SIGNS = tuple(bytes([sign]) for sign in b"0123456789.-+eEaflnrstu")
"""What a number, `true`, `false` or `null` can go on with."""


def draw_literal(line: TokenLine, draw: Draw, after: Sequence[str]) -> Work[Drawn]:
    """Draw a literal that one of `after` follows; see `Pen.draw`."""
    return (yield from _Drawing(line, draw, after).run())


class _Drawing:
    """The state of one literal: bytes written so far, drafted tokens, rows of logits to use."""

    def __init__(self, line: TokenLine, draw: Draw, after: Sequence[str]) -> None:
        line.settle()
        self._line, self._draw, self._after = line, draw, after
        lead = self._lead()
        self._room = len(lead.encode())
        self._matcher = line.grammars.matcher(_grammar(draw, lead, after))
        self._scan = LiteralScan(draw.opening, raw=draw.raw)
        self._closer = Closer(draw, self._scan, line.grammars, after)
        self._random = np.random.default_rng([draw.seed, len(line.text)])
        self._draft = line.grammars.tokenize(lead.encode()) if lead else []
        self._rows: list[Logits] = []
        self._data = b""
        self._is_ours = False
        """Whether the code chose the last token."""
        self._is_broken = False
        """Whether it did so where the model went on with a word."""

    def _lead(self) -> str:
        """Return the bytes left by healing as text; half a character is tokenized as it is."""
        line = self._line
        try:
            return line.unfed.decode()
        except UnicodeDecodeError:
            line.force(line.grammars.tokenize(line.unfed))
            line.unfed = b""
            return ""

    def run(self) -> Work[Drawn]:
        line, draft = self._line, self._draft
        self._rows = list((yield from line.evaluate(draft, len(draft) + 1)))
        line.unfed = b""
        line.count(drafted=len(draft))
        for at in range(self._draw.max_tokens + len(draft)):
            row = self._rows.pop(0)
            token = self._next(row, at)
            self._confirm(token, at)
            if self._ends_unasked(token, row):
                return self._drawn()
            if line.grammars.is_end(token) or self._is_behind(token):
                line.logits = row
                return self._drawn()
            self._take(token)
            if self._scan.end is None and not self._rows:
                self._take_forced()
            if self._is_complete():
                break
            if not self._rows:
                self._rows = list((yield from line.evaluate((), 1)))
        return self._drawn()

    def _next(self, row: Logits, at: int) -> int:
        """Return the token to write: the model's, or one that leads out of the value."""
        out = self._closer.close(self._matcher) if at >= len(self._draft) else None
        self._is_ours = out is not None
        if out is not None:
            return out
        token = pick(row, self._matcher, self._draw.temperature, self._random)
        if len(self._data) < self._room:
            return token
        out = self._closer.instead(token, self._matcher)
        self._is_ours = out != token
        if self._is_ours and self._draw.max_chars:
            self._is_broken = goes_on(self._line.grammars.bytes_of([token]))
        return out

    def _ends_unasked(self, token: int, row: Logits) -> bool:
        """Return whether a token that the model did not want ends the value.

        Then only the value's own bytes are written, to be tokenized with what follows.
        """
        if not self._is_ours or self._rows:
            return False
        piece = self._line.grammars.bytes_of([token])
        scan = copy(self._scan)
        scan.feed(piece)
        if scan.end is None:
            return False
        self._scan = scan
        rest = piece[: self._room + scan.end - len(self._data)]
        self._data += rest
        self._line.unfed, self._line.logits = rest, row
        return True

    def _confirm(self, token: int, at: int) -> None:
        """Keep the next drafted token where it is the model's own; else forget the draft's rest."""
        if self._rows and token == self._draft[at]:
            self._line.count(accepted=1)
        elif self._rows:
            length = len(self._line.branch.tokens) - len(self._rows)
            self._line.model.cut(self._line.branch, length)
            self._rows = []

    def _is_behind(self, token: int) -> bool:
        """Return whether the value has ended before `token`, which then is a later decision's.

        Where only one text can follow, the token may as well be written.
        """
        if len(self._after) == 1 or self._rows:
            return False
        before = self._scan.length
        self._feed(self._line.grammars.bytes_of([token]))
        return self._scan.end is not None and self._scan.end <= before

    def _is_complete(self) -> bool:
        """Return whether the value has ended, or is a number or word that cannot go on."""
        if self._scan.end is not None or self._matcher.is_stopped():
            return True
        if not self._scan.is_bare or self._scan.is_nested or self._rows:
            return False
        signs = (self._line.grammars.tokenize(sign) for sign in _BARE_SIGNS)
        if any(self._matcher.validate_tokens(sign[:1]) == 1 for sign in signs):
            return False
        self._scan.end = self._scan.length
        return True

    def _feed(self, piece: bytes) -> None:
        """Show what comes next to the scan once, without the bytes that healing left over."""
        self._scan.feed((self._data + piece)[self._room + self._scan.length :])

    def _take(self, token: int) -> None:
        line = self._line
        piece = line.grammars.bytes_of([token])
        self._feed(piece)
        self._data += piece
        line.count(output=1)
        if not self._rows:
            line.pending, line.logits, line.unforced = [token], None, 1
        self._matcher.consume_token(token)
        self._closer.note(token)

    def _take_forced(self) -> None:
        """Write what the grammar leaves no choice about.

        Where that ends the value, its last bytes are tokenized with what follows, which may be
        more than the grammar knows.
        """
        forced = self._matcher.compute_ff_tokens()
        piece = self._line.grammars.bytes_of(forced)
        self._feed(piece)
        if self._scan.end is not None:
            piece = piece[: self._room + self._scan.end - len(self._data)]
            self._line.unfed = piece
        elif forced:
            self._matcher.consume_tokens(forced)
            self._line.force(forced)
        self._data += piece

    def _drawn(self) -> Drawn:
        data = self._data[self._room :]
        end = len(data) if self._scan.end is None else self._scan.end
        cut = self._scan.end is None and not self._matcher.is_accepting()
        literal = data[:end].decode("utf-8", "ignore")
        self._line.ahead = data[end:]
        self._line.text += literal
        return Drawn(text=self._draw.opening + literal, cut=cut, broken=self._is_broken)


def _grammar(draw: Draw, lead: str, after: Sequence[str]) -> str:
    """Return the grammar of what healing left, the literal, and one of the texts that follow."""
    if not draw.chunks and not draw.json_schema:
        follow = f"(?:{'|'.join(map(quote, after))})" if after else ""
        return regex_grammar(quote(lead) + draw.regex + follow)
    parts = [json.dumps(lead)] if lead else []
    if draw.chunks:
        parts.append(_extract(draw))
        pieces = json.dumps({"substring_chunks": draw.chunks})
        rule = f"VALUE: %regex {pieces} & /(?s:.*\\w.*)/"
    else:
        parts.append("value")
        rule = f"value: %json {draw.json_schema}"
    if after:
        parts.append(f"({' | '.join(json.dumps(text) for text in after)})")
    return lark_grammar(f"start: {' '.join(parts)}\n{rule}\n")


def _extract(draw: Draw) -> str:
    """Return the rule of an extractive literal, as far as it does not stand yet."""
    quote_ = json.dumps('"')
    if draw.raw:
        return "VALUE"
    if draw.nullable:
        return f'("null" | {quote_} VALUE {quote_})'
    return f"VALUE {quote_}"
