"""Fill a form with a model, slot by slot where the engine can, in one call where it cannot.

Structure is written as forced prefix; choices are scored; values are generated inside their
regular expression together with the character that follows them, so that tokens are the ones the
model would have written. Whatever the model does, the result is valid against the schema or
`failed` with a reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rung.core.clock import monotonic_ms
from rung.core.errors import EngineError, FormError
from rung.core.records import Message, Usage
from rung.engines.base import Completion, Engine, Request, Thinking
from rung.forms.decisions import decide
from rung.forms.drafts import readings
from rung.forms.form import Choice, Const, Decision, Filled, Form, Node, Object, Value
from rung.forms.literals import quote
from rung.forms.validity import slot_violation, violation
from rung.forms.whole import RETRY_TEMPERATURE, fill_whole

Priors = Mapping[str, Sequence[float]]
"""Log-probability of each option of a choice slot when the input says nothing, by slot path."""


def fill(
    form: Form,
    engine: Engine,
    messages: Sequence[Message],
    *,
    known: Mapping[str, Any] | None = None,
    lead: str = "",
    priors: Priors | None = None,
    thinking: Thinking = "default",
    max_tokens: int = 256,
    retries: int = 1,
    seed: int = 0,
) -> Filled:
    """Fill every slot of `form` after `messages`.

    `known` maps slot paths to values decided elsewhere (written, not asked); `lead` is text the
    answer starts with (a scratchpad); `max_tokens` caps each generated value; a value (or a whole
    answer) that breaks the schema is drawn again `retries` times. Engine errors that make an
    answer impossible are raised; bad content never is. `priors` count where choices are scored.
    """
    known = known or {}
    slots = list(form.slots())
    if unknown := known.keys() - {slot.path for slot in slots}:
        raise FormError(
            f"no slot of the form is called {sorted(unknown)[0]!r}",
            hint=f"slots: {', '.join(slot.path for slot in slots)}"[:300],
        )
    request = Request(messages=tuple(messages), thinking=thinking, max_tokens=max_tokens, seed=seed)
    can = engine.capabilities
    drawn = any(isinstance(slot, Value) and slot.path not in known for slot in slots)
    if can.prefix and can.choices and (can.regex or not drawn):
        return _Writer(
            form=form,
            engine=engine,
            request=request,
            known=known,
            lead=lead,
            priors=priors or {},
            retries=retries,
        ).run()
    return fill_whole(form, engine, request, known, lead, retries)


def answer_json(form: Form, output: Mapping[str, Any]) -> str:
    """Return `output` exactly as the form would write it (for few-shot examples and training).

    Names the form does not know are left out, and so are names that `output` does not have.
    """
    return _render(form.root, output)


class _Unfilled(Exception):
    """A slot that no attempt could fill; carries the reason."""


@dataclass(slots=True, kw_only=True)
class _Writer:
    """Writes one answer from left to right; `text` is what stands so far."""

    form: Form
    engine: Engine
    request: Request
    known: Mapping[str, Any]
    lead: str
    priors: Priors
    retries: int
    text: str = ""
    decisions: dict[str, Decision] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    num_calls: int = 0
    repaired: bool = False

    def run(self) -> Filled:
        start = monotonic_ms()
        output = None
        try:
            output = self._object(self.form.root)
            reason = violation(output, self.form)
        except _Unfilled as unfilled:
            reason = str(unfilled)
        return Filled(
            output=None if reason else output,
            status="failed" if reason else "repaired" if self.repaired else "ok",
            reason=reason,
            text=self.text,
            decisions=self.decisions,
            usage=self.usage,
            latency_ms=monotonic_ms() - start,
            num_calls=self.num_calls,
        )

    def _object(self, node: Object) -> dict[str, Any]:
        """Fill an object; its last part writes the closing brace."""
        self.text += "{"
        output = {}
        for i, (name, part) in enumerate(node.parts):
            self.text += f"{' ' if i else ''}{_json(name)}:"
            output[name] = self._part(part, "," if i < len(node.parts) - 1 else "}")
        self.text += "" if node.parts else "}"
        return output

    def _part(self, node: Node, after: str) -> Any:
        """Fill one part and write the character `after` it."""
        if isinstance(node, Object):
            self.text += " "
            nested = self._object(node)
            self.text += after
            return nested
        if isinstance(node, Choice | Value) and node.path not in self.known:
            return (
                self._decide(node, after) if isinstance(node, Choice) else self._draw(node, after)
            )
        value = node.value if isinstance(node, Const) else self.known[node.path]
        self.text += f" {_json(value)}{after}"
        return value

    def _ask(self, **wanted: Any) -> Completion:
        """Ask for what follows the text. A call of an in-process engine pays only for what is new,
        and its forced tokens count all that the form wrote so far."""
        request = replace(self.request, prefix=self.lead + self.text, **wanted)
        completion = self.engine.complete(request)
        used = completion.usage
        if self.num_calls and self.engine.capabilities.in_process:
            self.usage = replace(self.usage, forced_tokens=0)
            used = replace(used, cached_tokens=0)
        self.usage += used
        self.num_calls += 1
        return completion

    def _decide(self, slot: Choice, after: str) -> Any:
        options = [f" {_json(value)}" for value in slot.values]
        completion = self._ask(choices=tuple(options), choice_end=after)
        if completion.choice_logprobs:
            decided = decide(
                slot,
                completion.choice_logprobs,
                self.priors.get(slot.path),
                completion.choice_mass,
            )
            if decided is None:
                raise _Unfilled(f"{slot.path}: the engine's scores are not usable")
            winner, self.decisions[slot.path] = decided
        elif (text := f" {completion.text.strip()}") in options:
            winner = options.index(text)
        else:
            raise _Unfilled(f"{slot.path}: the model chose {completion.text[:80]!r}")
        self.text += options[winner] + after
        return slot.values[winner]

    def _draw(self, slot: Value, after: str) -> Any:
        pattern = f" {slot.regex}{quote(after)}"
        problem = ""
        for attempt in range(self.retries + 1):
            problem = ""
            completion = self._ask(
                regex=pattern,
                temperature=RETRY_TEMPERATURE if attempt else 0.0,
                seed=self.request.seed + attempt,
            )
            cut = completion.finish_reason == "length"
            for value in readings(slot, completion.text, after, cut):
                problem = slot_violation(value, slot, self.form)
                if not problem:
                    self.repaired |= attempt > 0 or cut
                    self.text += f" {_json(value)}{after}"
                    return value
            if cut:
                problem = f"cut at {self.request.max_tokens} tokens; {problem}".rstrip("; ")
            problem = problem or f"the model wrote {completion.text[:80]!r}"
        raise _Unfilled(f"{slot.path}: {problem}")


def content_free_priors(
    form: Form, engine: Engine, messages: Sequence[Message], thinking: Thinking = "default"
) -> dict[str, tuple[float, ...]]:
    """Return each choice slot's option log-likelihoods for `messages` whose input says nothing.

    They are what `fill` takes as `priors`; slots the engine gave no scores for are left out.
    """
    if not engine.capabilities.choice_logprobs:
        raise EngineError(f"{engine.model} reports no probabilities of choices")
    blanks = {slot.path: None for slot in form.slots() if isinstance(slot, Value)}
    filled = fill(form, engine, messages, known=blanks, thinking=thinking)
    return {path: decision.scores for path, decision in filled.decisions.items()}


def _render(node: Node, value: Any) -> str:
    if isinstance(node, Const):
        return _json(node.value)
    if not isinstance(node, Object) or not isinstance(value, Mapping):
        return _json(value)
    parts = [
        f"{_json(name)}: {_render(part, value[name])}" for name, part in node.parts if name in value
    ]
    return "{" + ", ".join(parts) + "}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
