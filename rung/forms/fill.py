"""Fill a form with a model: token by token, slot by slot, or in one call, as the engine allows.

An engine in this process goes token by token (`token_pen.py`); a server that can force a prefix and
limit what follows goes slot by slot (`request_pen.py`); any other is asked for the whole answer
(`whole.py`). Whatever the model does, the result is valid against the schema, or `failed` or
`abstained` with a reason. Only what breaks the schema is filled again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from rung.core.clock import monotonic_ms
from rung.core.errors import EngineError, FormError
from rung.core.records import Message
from rung.engines.base import Engine, Request
from rung.forms.cost import note_traffic, server_costs, slotwise_is_cheaper
from rung.forms.drive import Work, gather, run
from rung.forms.filling import Filling, fill_with, scalar_paths
from rung.forms.form import Choice, Const, Filled, Form, Node, Object, Value, slots_of
from rung.forms.request_pen import MAX_REQUESTS_AT_ONCE, RequestPen
from rung.forms.whole import fill_whole

if TYPE_CHECKING:  # needs the `local` or `train` extra
    from rung.engines.steps import TokenModel
    from rung.forms.token_line import Room
    from rung.forms.weigh import Scoring

_TIMEOUT_MS = 120_000.0


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
        temperature=0.0 if engine.capabilities.choice_logprobs else how.temperature,
        seed=how.seed,
    )
    if engine.capabilities.tokens:
        return fill_many(form, engine, [messages], how, sources=[source], leads=[lead])[0]
    if _goes_slotwise(form, engine, how) and _better_slotwise(form, engine, how):
        pen = RequestPen(engine, request)
        try:
            return run(
                fill_with(form, pen, how, source), lambda requests: _ask_all(engine, requests)
            )
        except EngineError as error:
            if not error.refused:
                raise
    whole = replace(request, prefix="", temperature=how.temperature)
    return fill_whole(form, engine, whole, how.known, lead, how.retries, source)


def fill_many(
    form: Form,
    engine: Engine,
    conversations: Sequence[Sequence[Message]],
    how: Filling = Filling(),  # noqa: B008  (frozen)
    *,
    sources: Sequence[str] = (),
    leads: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> list[Filled]:
    """Fill the form for several inputs side by side on an engine that runs in this process.

    What one input gets does not depend on the others, but for near ties that the batch's shape may
    turn. `seeds` are the inputs' own, where values are drawn. Latencies are those of the batch.
    """
    if not engine.capabilities.tokens:
        raise EngineError(f"{engine.model} cannot fill several forms at once")
    from rung.forms.token_line import Room

    model = cast("TokenModel", engine)
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
            seed=seeds[i] if seeds else how.seed,
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
    from rung.forms.token_pen import TokenPen

    opened = model.open(replace(request, prefix=""))
    pen = TokenPen.open(
        model, opened, _scoring(how), forcing=how.forcing, room=room, lead=request.prefix
    )
    return (yield from fill_with(form, pen, replace(how, seed=request.seed), source))


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


__all__ = ["Filling", "content_free_priors", "fill", "fill_many", "scalar_paths"]
