"""Does what was trained on look, token by token, like what is served?

A probe is a conversation with its answer as the trainer tokenized it; trainers leave some in the
adapter's lineage (`probes`). The engine tokenizes the same conversation for itself, and whatever
differs is named: the template, the token a text starts with, the token that ends an answer. Numbers
are compared in `parity_logits.py`, on the tokens that are served.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rung.core.errors import TrainError
from rung.core.records import Message
from rung.engines.base import Request, Thinking
from rung.engines.in_process import InProcessEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One conversation and its answer; without `messages` only the tokens are known."""

    messages: tuple[Message, ...] = ()
    answer: str = ""
    trained: tuple[int, ...] = ()
    """Prompt, answer and end as the trainer tokenized them; empty where it left no record."""
    start: int = 0
    """Where the answer starts in `trained`, if there are no messages."""
    learnt: tuple[bool, ...] = ()
    """Of each token from `start` on whether it was learnt; empty means all."""
    ends: bool = True
    """Whether serving relies on the model to end its answer; a form ends by itself."""
    values: tuple[tuple[int, int], ...] = ()
    """Characters of `answer` that are values, (start, end); empty means all of it."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON, for the lineage of an adapter."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Probe:
        """Rebuild a probe; raises TrainError for what is none."""
        try:
            found = cls(
                messages=tuple(Message(**message) for message in data.get("messages", ())),
                answer=str(data.get("answer", "")),
                start=int(data.get("start", 0)),
                learnt=tuple(bool(mark) for mark in data.get("learnt", ())),
                trained=tuple(int(token) for token in data.get("trained", ())),
                ends=bool(data.get("ends", True)),
                values=tuple((int(start), int(end)) for start, end in data.get("values", ())),
            )
            if len(found.learnt) not in (0, len(found.trained) - found.start):
                raise ValueError("what was learnt is not said of each token")
            return found
        except (KeyError, TypeError, ValueError) as error:
            raise TrainError(f"the adapter's lineage holds a probe that is none: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A probe as the engine evaluates it."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    is_value: tuple[bool, ...]
    """Whether each answer token belongs to a value, or was learnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One thing that is not as it was trained."""

    stage: str
    cause: str
    detail: str


def value_spans(answer: str, output: Any) -> tuple[tuple[int, int], ...]:
    """Return where the values of `output` stand in its text, in characters, quotes left out."""
    spans, at = [], 0
    for value in _leaves(output):
        text = json.dumps(value, ensure_ascii=False).strip('"')
        start = answer.find(text, at)
        if text and start >= 0:
            at = start + len(text)
            spans.append((start, at))
    return tuple(spans)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def serve(engine: InProcessEngine, probe: Probe) -> Served:
    """Tokenize a probe as the engine does for a request with a forced answer."""
    if not probe.messages:
        answer = probe.trained[probe.start :]
        return Served(
            prompt=probe.trained[: probe.start],
            answer=answer,
            is_value=probe.learnt or (True,) * len(answer),
        )
    thinking: Thinking = "off" if engine.capabilities.thinking else "default"
    request = Request(messages=probe.messages, prefix=probe.answer, thinking=thinking)
    prompt, said = engine.tokenize(request)
    return Served(
        prompt=tuple(prompt), answer=tuple(said), is_value=_value_tokens(engine, said, probe)
    )


def _value_tokens(engine: InProcessEngine, answer: Sequence[int], probe: Probe) -> tuple[bool, ...]:
    """A token is of a value when any of its bytes is."""
    if not probe.values:
        return (True,) * len(answer)
    ranges = [
        (len(probe.answer[:start].encode()), len(probe.answer[:end].encode()))
        for start, end in probe.values
    ]
    found, at = [], 0
    for token in answer:
        after = at + len(engine.vocabulary.piece(token))
        found.append(any(start < after and at < end for start, end in ranges))
        at = after
    return tuple(found)


def compare_tokens(engine: InProcessEngine, probe: Probe, served: Served) -> list[Mismatch]:
    """Return what differs between the trained tokens and those that are served."""
    vocabulary = engine.vocabulary
    bos = vocabulary.bos
    trained_bos, trained = _without_bos(probe.trained, bos)
    served_bos, prompt = _without_bos(served.prompt, bos)
    found: list[Mismatch] = []
    if trained_bos != served_bos:
        side = "training" if trained_bos > served_bos else "serving"
        found.append(
            Mismatch(
                stage="start",
                cause="double BOS" if max(trained_bos, served_bos) > 1 else "missing BOS",
                detail=f"{trained_bos} start tokens in training, {served_bos} in serving"
                + (f": {side} adds one too many" if max(trained_bos, served_bos) > 1 else ""),
            )
        )
    if trained[: len(prompt)] != prompt:
        return [*found, _wrong_template(engine, trained, prompt)]
    rest = trained[len(prompt) :]
    answer, end = rest[: len(served.answer)], rest[len(served.answer) :]
    if answer != (served.answer if probe.ends else served.answer[: len(answer)]):
        at = _first_difference(answer, served.answer)
        found.append(
            Mismatch(
                stage="answer",
                cause="other answer tokens",
                detail=f"answers differ from token {at}: {_show(engine, answer[at : at + 4])} in"
                f" training, {_show(engine, served.answer[at : at + 4])} in serving",
            )
        )
    elif probe.ends and not (end and vocabulary.is_end(end[0])):
        shown = _show(engine, end[:1]) if end else "nothing"
        found.append(
            Mismatch(
                stage="end",
                cause="missing end token",
                detail=f"the trained answer is followed by {shown}, where serving stops at a token"
                " that ends a turn",
            )
        )
    return found


def _wrong_template(
    engine: InProcessEngine, trained: Sequence[int], prompt: Sequence[int]
) -> Mismatch:
    at = _first_difference(trained, prompt)
    return Mismatch(
        stage="template",
        cause="wrong template",
        detail=f"prompts differ from token {at}: {_show(engine, trained[at : at + 6])} in training,"
        f" {_show(engine, prompt[at : at + 6])} in serving",
    )


def _without_bos(tokens: Sequence[int], bos: int | None) -> tuple[int, tuple[int, ...]]:
    count = next((i for i, token in enumerate(tokens) if token != bos), len(tokens))
    return count, tuple(tokens[count:])


def _first_difference(left: Sequence[int], right: Sequence[int]) -> int:
    size = min(len(left), len(right))
    return next((i for i in range(size) if left[i] != right[i]), size)


def _show(engine: InProcessEngine, tokens: Sequence[int]) -> str:
    return repr(b"".join(map(engine.vocabulary.piece, tokens)).decode("utf-8", "replace"))
