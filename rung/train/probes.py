"""Probes of an adapter trained here: its texts, as its own training writes them.

What is learnt is known from the tokens alone, so worlds are probed on them as they are; of forms
the conversation is known too, and the server must arrive at the same tokens from it. Comparing is
the business of `parity_tokens.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from rung.engines.base import Thinking
from rung.routes.prompt import build_messages
from rung.tasks.task import Example
from rung.train.parity_tokens import Probe, value_spans
from rung.train.texts import Text
from rung.train.write import Writer


def write_probes(writer: Writer, examples: Sequence[Example]) -> list[Probe]:
    """Return a probe for each example that can be written: of its texts the longest."""
    probes = []
    for example in examples:
        texts = writer.write([example]).texts
        if texts:
            text = max(texts, key=lambda text: len(text.tokens))
            probes.append(_of_form(writer, example, text) or _of_tokens(text))
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


def _spans(answer: str) -> tuple[tuple[int, int], ...]:
    """Return where the values stand; nothing where the text is cut or has no JSON."""
    try:
        return value_spans(answer, json.loads(answer))
    except ValueError:
        return ()


def _of_tokens(text: Text) -> Probe:
    return Probe(trained=text.tokens, start=text.trained.index(True))
