"""`POST /v1/systemone`: typed questions about a state, answered with probabilities.

The request and response shape is TypeSafe's System One: questions of type `noul` (how probable is
yes), `choice` (one of the options) and `score` (an ordered scale), each answered under its own id.
Every question becomes a choice slot of one form, so an answer is always one of the options. With
`model="task/NAME"` and no questions, the task's own choices are told, by its route in service.

Answers also say whether they are `calibrated`: only those of a route whose calibration was fitted
on labels are. Nothing here is a chat, and nothing is generated but the choices.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from rung.gateway.refusal import Refusal

if TYPE_CHECKING:
    from rung.forms import Decision

MAX_QUESTIONS = 32
MAX_OPTIONS = 255
MAX_LEVELS = 10
INSTRUCTION = "Answer each question about the state that the user gives, by one of its options."


class Question(msgspec.Struct, frozen=True):
    """One question."""

    type: Literal["noul", "choice", "score"]
    instructions: Any = ""
    """A text, or data that is shown as JSON."""
    criteria: dict[str, Any] | list[Any] | None = None
    """Options (`choice`) or levels in order (`score`) with what they mean; of `noul` what counts as
    `true` and `false`, if it has to be said."""


class Body(msgspec.Struct):
    """A request."""

    state: Any
    model: Annotated[str, msgspec.Meta(min_length=1)]
    questions: dict[str, Question] = {}


def read_body(data: bytes) -> Body:
    """Decode and check a request. Raises Refusal 400 naming the question that is wrong."""
    try:
        body = msgspec.json.decode(data, type=Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, "invalid_request", f"the body cannot be read: {error}") from None
    if len(body.questions) > MAX_QUESTIONS:
        message = f"{len(body.questions)} questions, at most {MAX_QUESTIONS} fit"
        raise Refusal(400, "invalid_request", message)
    for name, question in body.questions.items():
        _check(name, question)
    return body


def text_of(value: Any) -> str:
    """Return a state or instructions as the text a model is shown."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def schema_of(questions: Mapping[str, Question]) -> dict[str, Any]:
    """Return the JSON Schema whose choice slots are the questions."""
    properties = {
        name: {"enum": _options(question), "description": _described(question)}
        for name, question in questions.items()
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def answer_of(question: Question, decision: Decision, *, calibrated: bool) -> dict[str, Any]:
    """Return the answer to a question, from the probabilities of its options."""
    p = {str(json.loads(key)): value for key, value in decision.probabilities.items()}
    if question.type == "noul":
        return {"type": "noul", "noul": p["yes"], "calibrated": calibrated}
    sure = {"probabilities": p, "confidence": _confidence(p), "calibrated": calibrated}
    if question.type == "choice":
        return {"type": "choice", "choice": max(p, key=lambda option: p[option])} | sure
    mean = sum(int(level) * share for level, share in p.items())
    return {"type": "score", "score": mean, "legend": _legend(question)} | sure


def own_answer(decision: Decision, *, calibrated: bool) -> dict[str, Any]:
    """Return a choice of a task as an answer."""
    p = {_plain(key): value for key, value in decision.probabilities.items()}
    chosen = max(p, key=lambda option: p[option])
    sure = {"probabilities": p, "confidence": _confidence(p), "calibrated": calibrated}
    return {"type": "choice", "choice": chosen} | sure


def _plain(key: str) -> str:
    value = json.loads(key)
    return value if isinstance(value, str) else key


def _check(name: str, question: Question) -> None:
    criteria = question.criteria
    if question.type == "noul":
        if criteria is not None and not (
            isinstance(criteria, dict) and criteria.keys() <= {"true", "false"}
        ):
            raise _wrong(name, "criteria of a noul are `true` and `false`, or none")
        return
    most = MAX_OPTIONS if question.type == "choice" else MAX_LEVELS
    if criteria is None or not 2 <= len(criteria) <= most:
        raise _wrong(name, f"a {question.type} needs 2 to {most} criteria")
    if question.type == "choice":
        options = [option for option in criteria if isinstance(option, str)]
        if len(set(options)) < len(criteria):
            raise _wrong(name, "options are different texts")


def _wrong(name: str, rule: str) -> Refusal:
    return Refusal(400, "invalid_question", f"question {name!r}: {rule}")


def _options(question: Question) -> list[str]:
    if question.type == "noul":
        return ["yes", "no"]
    criteria = question.criteria or {}
    if question.type == "score":
        return [str(level) for level in range(len(criteria))]
    return list(criteria)


def _legend(question: Question) -> dict[str, Any]:
    criteria = question.criteria or {}
    levels = list(criteria.values()) if isinstance(criteria, dict) else list(criteria)
    return {str(level): text for level, text in enumerate(levels)}


def _described(question: Question) -> str:
    said = text_of(question.instructions)
    if question.type == "score":
        return f"{said} ({'; '.join(f'{k}: {text_of(v)}' for k, v in _legend(question).items())})"
    if isinstance(question.criteria, dict) and any(question.criteria.values()):
        named = {"true": "yes", "false": "no"} if question.type == "noul" else {}
        told = [f"{named.get(k, k)}: {text_of(v)}" for k, v in question.criteria.items() if v]
        return f"{said} ({'; '.join(told)})"
    return said


def _confidence(p: Mapping[str, float]) -> float:
    """Return how far the likeliest option is above chance, 0 (uniform) to 1 (certain)."""
    return (len(p) * max(p.values()) - 1) / (len(p) - 1) if len(p) > 1 else 1.0
