"""Probes of an adapter trained here: its texts, as its own training writes them.

Numbers are compared on the tokens that were learnt. Where the conversation is known too, of a form
and of an agent's turns, the server must arrive at the same tokens from it: that is where a wrong
template or a missing end shows. Comparing is the business of `parity_tokens.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from rung.agents.rendering import render_steps
from rung.engines.base import Thinking
from rung.routes.prompt import build_messages
from rung.tasks.task import Example
from rung.train.parity_tokens import Probe, value_spans
from rung.train.solutions import solution
from rung.train.texts import Text
from rung.train.write import Writer


def write_probes(writer: Writer, examples: Sequence[Example]) -> list[Probe]:
    """Return the probes of examples that can be written: of its texts the longest.

    In a world each has two: all turns as they were learnt, and one turn, another for each example,
    with the conversation before it.
    """
    probes = []
    for at, example in enumerate(examples):
        texts = writer.write([example]).texts
        if texts:
            text = max(texts, key=lambda text: len(text.tokens))
            probes.append(_of_form(writer, example, text) or _of_tokens(text))
            probes += _of_turn(writer, example, text, at)
    return probes


def _of_form(writer: Writer, example: Example, text: Text) -> Probe | None:
    """Return the probe of a filled form; None where its conversation is not known."""
    form, scribe, style = writer.form, writer.scribe, writer.style
    if form is None:
        return None
    bare = style.prompt == "bare"
    messages = build_messages(writer.task.instruction, form, example.input, bare=bare)
    thinking: Thinking = "off" if scribe.capabilities.thinking else "default"
    size = len(scribe.prompt(messages, thinking))
    written = text.tokens[size:]
    ends = bool(written) and scribe.vocabulary.is_end(written[-1])
    said = b"".join(map(scribe.vocabulary.piece, written[: len(written) - ends]))
    try:
        answer = said.decode()
    except UnicodeDecodeError:  # what is learnt ends inside a character
        return None
    return Probe(
        messages=messages,
        answer=answer,
        trained=text.tokens,
        ends=style.learn == "answer",
        values=_spans(answer),
    )


def _of_turn(writer: Writer, example: Example, text: Text, at: int) -> list[Probe]:
    """Return the probe of one turn of an agent, counted round; none where a text is not all turns,
    each whole."""
    world, style = writer.world, writer.style
    if world is None or style.learn != "answer" or writer.scribe.capabilities.thinking:
        return []
    spec = replace(writer.agent, tools="none") if style.prompt == "bare" else writer.agent
    calls = solution(world, example)
    steps = list(render_steps(spec, world, example, calls, instruction=writer.task.instruction))
    ends = [
        end
        for end, learnt in enumerate(text.trained, 1)
        if learnt and not (end < len(text.trained) and text.trained[end])
    ]
    if len(ends) != len(steps):
        return []
    (messages, said), end = steps[at % len(steps)], ends[at % len(steps)]
    return [
        Probe(
            messages=messages,
            answer=said.content,
            trained=text.tokens[:end],
            values=_spans(said.content),
        )
    ]


def _spans(answer: str) -> tuple[tuple[int, int], ...]:
    """Return where the values stand; nothing where the text is cut or has no JSON."""
    try:
        return value_spans(answer, json.loads(answer))
    except ValueError:
        return ()


def _of_tokens(text: Text) -> Probe:
    start = text.trained.index(True)
    return Probe(trained=text.tokens, start=start, learnt=text.trained[start:])
