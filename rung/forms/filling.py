"""How one form is filled with one pen: side by side, in order, and again what broke the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from rung.core.clock import monotonic_ms
from rung.core.records import Effort, Status, Usage
from rung.engines.base import Thinking
from rung.forms.decisions import Calibration, decide
from rung.forms.drive import Work, gather
from rung.forms.form import Choice, Decision, Filled, Form, Node, Object, Value, instance_path
from rung.forms.pen import Pen, Scores
from rung.forms.validity import violations
from rung.forms.walk import RETRY_TEMPERATURE, Abstained, Limits, Unfilled, Walk

if TYPE_CHECKING:  # needs the `local` or `train` extra
    from rung.forms.weigh import Scoring

Asking = Literal["auto", "slots", "whole"]
Priors = Mapping[str, Sequence[float]]
"""Log-probability of each option of a choice slot when the input says nothing, by slot path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """How a form is filled; every switch can be turned off to measure what it does."""

    known: Mapping[str, Any] = field(default_factory=dict)
    """Values decided elsewhere, by slot path: written, not asked."""
    priors: Priors = field(default_factory=dict)
    calibration: Mapping[str, Calibration] = field(default_factory=dict)
    """Fitted on labels, by slot path; see `decisions.py`."""
    parallel: bool = False
    """Fill the scalar slots side by side, each without sight of the others; then the rest."""
    scoring: Scoring = "quick"
    """How options are weighed; see `weigh.py`. Where more than the likeliest option counts (priors,
    a calibration, drawing), `quick` is `trie`."""
    asking: Asking = "auto"
    """Whether a server is asked slot by slot or once; `auto` goes by what its requests take."""
    forcing: bool = True
    """Off: forced tokens take a pass each, as where a grammar only masks."""
    thinking: Thinking = "default"
    temperature: float = 0.0
    """Above 0, values and choices are drawn instead of taking the likeliest."""
    max_tokens: int = 256
    """Most tokens of one generated value."""
    retries: int = 1
    """How often a value, or what breaks the schema, is drawn again."""
    seed: int = 0


def fill_with(form: Form, pen: Pen, how: Filling, source: str) -> Work[Filled]:
    """Fill one form with one pen; count the rounds it takes."""
    start = monotonic_ms()
    filler = _Filler(form, pen, how, source)
    work = filler.run()
    num_rounds = 0
    try:
        wanted = next(work)
        while True:
            num_rounds += bool(wanted)
            wanted = work.send((yield wanted))
    except StopIteration as stop:
        output, status, reason = stop.value
    finally:
        pen.close(keep=True)
    return Filled(
        output=output,
        status=status,
        reason=reason,
        text=pen.text,
        decisions=filler.decisions,
        usage=pen.usage + filler.usage,
        effort=pen.effort + filler.effort + Effort(passes=num_rounds),
        latency_ms=monotonic_ms() - start,
        num_calls=num_rounds,
    )


class _Filler:
    """The steps of filling one form: side by side, in order, and again what broke the schema."""

    def __init__(self, form: Form, pen: Pen, how: Filling, source: str) -> None:
        self.decisions: dict[str, Decision] = {}
        self.usage = Usage()
        self.effort = Effort()
        self._form, self._pen, self._how, self._source = form, pen, how, source
        self._limits = Limits(
            max_tokens=how.max_tokens,
            retries=how.retries,
            temperature=how.temperature,
            seed=how.seed,
        )

    def run(self) -> Work[tuple[Any, Status, str]]:
        """Return the output, how it went, and why it is none."""
        known = dict(self._how.known)
        try:
            if self._how.parallel:
                known |= yield from self._side_by_side(known)
            return (yield from self._in_order(known))
        except Unfilled as unfilled:
            return None, "failed", str(unfilled)
        except Abstained as abstained:
            return None, "abstained", f"{abstained}: the model would rather not say"

    def _side_by_side(self, known: Mapping[str, Any]) -> Work[dict[str, Any]]:
        """Fill each scalar slot on a branch of its own; return their values."""
        paths = [path for path in scalar_paths(self._form.root) if path not in known]
        found: dict[str, Any] = {}
        for at in range(0, len(paths), self._pen.max_forks):
            some = paths[at : at + self._pen.max_forks]
            pens = yield from self._pen.fork(len(some))
            try:
                values = yield from gather(
                    [self._walk(pen).only(path) for pen, path in zip(pens, some, strict=True)]
                )
            finally:
                for pen in pens:
                    pen.close(keep=False)
                    self.usage += replace(pen.usage, forced_tokens=0)
                    self.effort += replace(pen.effort, skipped_tokens=0)
            found |= dict(zip(some, values, strict=True))
        return found

    def _in_order(self, known: Mapping[str, Any]) -> Work[tuple[Any, Status, str]]:
        start = self._pen.mark()
        walk = self._walk(self._pen, known=known)
        output = yield from walk.run()
        for attempt in range(self._how.retries + 1):
            problems = violations(output, self._form.schema)
            if not problems:
                repaired = walk.repaired or attempt > 0
                return output, "repaired" if repaired else "ok", ""
            redo = frozenset(instance_path(problem.path) for problem in problems)
            first = f"{instance_path(problems[0].path) or '$'}: {problems[0].message}"
            if attempt == self._how.retries or redo & self._how.known.keys():
                break
            self._pen.rewind(start)
            limits = replace(
                self._limits, temperature=RETRY_TEMPERATURE, seed=self._limits.seed + attempt + 1
            )
            free = {} if "" in redo else {p: v for p, v in known.items() if p not in redo}
            walk = self._walk(self._pen, known={**free, **self._how.known}, limits=limits)
            walk.redo = redo
            output = yield from walk.run(output)
        return None, "failed", first

    def _walk(
        self, pen: Pen, *, known: Mapping[str, Any] | None = None, limits: Limits | None = None
    ) -> Walk:
        return Walk(
            form=self._form,
            pen=pen,
            decide=self._decide,
            limits=limits or self._limits,
            known=known or {},
            source=self._source,
            decisions=self.decisions,
        )

    def _decide(
        self, path: str, options: Sequence[Any], scores: Scores
    ) -> tuple[int, Decision | None] | None:
        if scores.chosen is not None:
            return scores.chosen, None
        return decide(
            options,
            scores.logprobs,
            self._how.priors.get(path),
            scores.mass,
            self._how.calibration.get(path),
        )


def scalar_paths(node: Node) -> list[str]:
    """Return the slots that can be filled side by side: choices, numbers and dates of fixed place.

    Free text and lists stay in order, so that they see the other values.
    """
    if isinstance(node, Choice) or (isinstance(node, Value) and node.kind in ("number", "date")):
        return [node.path]
    if not isinstance(node, Object):
        return []
    return [
        path
        for name, part in node.parts
        if name not in node.optional
        for path in scalar_paths(part)
    ]
