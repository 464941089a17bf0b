"""Fill a form with a model: token by token, slot by slot, or in one call, as the engine allows.

An engine in this process goes token by token (`token_pen.py`); a server that can force a prefix and
limit what follows goes slot by slot (`request_pen.py`); any other is asked for the whole answer
(`whole.py`). Whatever the model does, the result is valid against the schema, or `failed` or
`abstained` with a reason. Only what breaks the schema is filled again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from rung.core.clock import monotonic_ms
from rung.core.errors import EngineError, FormError
from rung.core.records import Effort, Message, Status, Usage
from rung.engines.base import Engine, Request, Thinking
from rung.engines.steps import TokenModel
from rung.forms.cost import note_traffic, server_costs, slotwise_is_cheaper
from rung.forms.decisions import Calibration, decide
from rung.forms.drive import Work, gather, run
from rung.forms.form import Choice, Const, Decision, Filled, Form, Node, Object, Value, slots_of
from rung.forms.pen import Pen, Scores
from rung.forms.request_pen import MAX_REQUESTS_AT_ONCE, RequestPen
from rung.forms.token_line import Room
from rung.forms.token_pen import TokenPen
from rung.forms.validity import violations
from rung.forms.walk import NOTHING, RETRY_TEMPERATURE, Abstained, Limits, Unfilled, Walk
from rung.forms.weigh import Scoring
from rung.forms.whole import fill_whole

Asking = Literal["auto", "slots", "whole"]
Priors = Mapping[str, Sequence[float]]
"""Log-probability of each option of a choice slot when the input says nothing, by slot path."""

_TIMEOUT_MS = 120_000.0


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


def fill(
    form: Form,
    engine: Engine,
    messages: Sequence[Message],
    how: Filling = Filling(),  # noqa: B008  (frozen)
    *,
    source: str = "",
    lead: str = "",
) -> Filled:
    """Fill every slot of `form` after `messages`.

    `source` is the input that extractive slots copy from; `lead` is text the answer starts with (a
    scratchpad). Engine errors that make an answer impossible are raised; bad content never is. What
    a server refuses to honour is done without.
    """
    _check_known(form, how.known)
    request = Request(
        messages=tuple(messages),
        prefix=lead,
        thinking=how.thinking,
        max_tokens=how.max_tokens,
        seed=how.seed,
    )
    if engine.capabilities.tokens:
        return fill_many(form, engine, [messages], how, sources=[source], leads=[lead])[0]
    if _goes_slotwise(form, engine, how) and _better_slotwise(form, engine, how):
        pen = RequestPen(engine, request)
        try:
            return run(_fill(form, pen, how, source), lambda requests: _ask_all(engine, requests))
        except EngineError as error:
            if not error.refused:
                raise
    return fill_whole(form, engine, replace(request, prefix=""), how.known, lead, how.retries)


def fill_many(
    form: Form,
    engine: Engine,
    conversations: Sequence[Sequence[Message]],
    how: Filling = Filling(),  # noqa: B008  (frozen)
    *,
    sources: Sequence[str] = (),
    leads: Sequence[str] = (),
) -> list[Filled]:
    """Fill the form for several inputs side by side on an engine that runs in this process.

    What one input gets does not depend on the others, but for near ties that the batch's shape may
    turn. Latencies are those of the whole batch.
    """
    if not engine.capabilities.tokens:
        raise EngineError(f"{engine.model} cannot fill several forms at once")
    model = cast(TokenModel, engine)
    deadline_ms = monotonic_ms() + _TIMEOUT_MS * len(conversations)

    def evaluate(steps: list[Any]) -> list[Any]:
        if monotonic_ms() > deadline_ms:
            raise EngineError(f"{engine.model} took longer than allowed", retryable=True)
        return list(model.evaluate(steps))

    requests = [
        Request(
            messages=tuple(messages),
            prefix=leads[i] if leads else "",
            thinking=how.thinking,
            seed=how.seed,
        )
        for i, messages in enumerate(conversations)
    ]
    filled: list[Filled] = []
    size = _num_at_once(form, model, how)
    with model.lock:
        for at in range(0, len(requests), size):
            room = Room(model.max_branches // 2)
            works = [
                _fill_one(form, model, request, how, source, room)
                for request, source in zip(
                    requests[at : at + size],
                    sources[at : at + size] or [""] * size,
                    strict=False,
                )
            ]
            filled += run(gather(works), evaluate)
    return filled


def _num_at_once(form: Form, model: TokenModel, how: Filling) -> int:
    """Return how many forms may be filled side by side: half of all branches are for options."""
    most = model.max_branches // 2
    num_slots = min(len(scalar_paths(form.root)), most - 1) if how.parallel else 0
    return max(1, most // (1 + num_slots))


def _fill_one(
    form: Form, model: TokenModel, request: Request, how: Filling, source: str, room: Room
) -> Work[Filled]:
    opened = model.open(request)
    pen = TokenPen.open(model, opened, _scoring(how), forcing=how.forcing, room=room)
    return (yield from _fill(form, pen, how, source))


def _fill(form: Form, pen: Pen, how: Filling, source: str) -> Work[Filled]:
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


def instance_path(path: Sequence[str | int]) -> str:
    """Return the path of a place in a value, as slots spell it: `lines[0].sku`."""
    from rung.forms.form import join_path

    text = ""
    for key in path:
        text = f"{text}[{key}]" if isinstance(key, int) else join_path(text, key)
    return text


def content_free_priors(
    form: Form,
    engine: Engine,
    messages: Sequence[Message],
    how: Filling = Filling(),  # noqa: B008
) -> dict[str, tuple[float, ...]]:
    """Return each choice slot's option log-likelihoods for `messages` whose input says nothing.

    They are what `Filling.priors` takes; slots the engine gave no scores for are left out.
    """
    if not engine.capabilities.choice_logprobs:
        raise EngineError(f"{engine.model} reports no probabilities of choices")
    blanks = {path: None for path in _blank_paths(form.root)}
    scoring = "trie" if how.scoring == "quick" else how.scoring
    plain = replace(how, known=blanks, priors={}, calibration={}, retries=0, scoring=scoring)
    filled = fill(form, engine, messages, plain)
    return {
        slot.path: filled.decisions[slot.path].scores
        for slot in form.choices()
        if slot.path in filled.decisions
    }


def _scoring(how: Filling) -> Scoring:
    all_count = how.priors or how.calibration or how.temperature > 0
    return "trie" if how.scoring == "quick" and all_count else how.scoring


def _blank_paths(node: Node) -> list[str]:
    """Return the places that a content-free answer leaves null: all but choices."""
    if isinstance(node, Object):
        return [path for _, part in node.parts for path in _blank_paths(part)]
    return [] if isinstance(node, Choice | Const) else [node.path]


def _check_known(form: Form, known: Mapping[str, Any]) -> None:
    paths = {slot.path for slot in form.slots()} | set(_blank_paths(form.root))
    if unknown := known.keys() - paths:
        raise FormError(
            f"no slot of the form is called {sorted(unknown)[0]!r}",
            hint=f"slots: {', '.join(sorted(paths))}"[:300],
        )


def _goes_slotwise(form: Form, engine: Engine, how: Filling) -> bool:
    can = engine.capabilities
    slots = [slot for slot in slots_of(form.root) if slot.path not in how.known]
    drawn = [slot for slot in slots if isinstance(slot, Value)]
    return (
        can.prefix
        and can.choices
        and ("prefix", "choices") not in can.conflicts
        and (can.regex or not drawn)
        and not any(slot.json_schema for slot in drawn)
    )


def _better_slotwise(form: Form, engine: Engine, how: Filling) -> bool:
    """Return whether slots are worth their round trips; priors and calibration need them."""
    if how.asking != "auto" or how.priors or how.calibration:
        return how.asking != "whole"
    return slotwise_is_cheaper(server_costs(engine), form)


def _ask_all(engine: Engine, requests: list[Any]) -> list[Any]:
    if len(requests) == 1:
        completion = engine.complete(requests[0])
        if engine.capabilities.round_trips:
            note_traffic(engine, completion)
        return [completion]
    with ThreadPoolExecutor(max_workers=MAX_REQUESTS_AT_ONCE) as pool:
        return list(pool.map(engine.complete, requests))


__all__ = ["NOTHING", "Filling", "Priors", "content_free_priors", "fill", "fill_many"]
