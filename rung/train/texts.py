"""Texts to train on: token for token what serving evaluates, with a mark on each token to learn.

A form is written by the code that serves (`scribe.py`), an agent's turns come from
`agents/rendering.py`, so training and serving cannot drift apart. What is learnt is either the
whole answer and its end (`answer`: for routes with and without a form), or only the tokens that the
form lets the model decide (`values`). Which examples to write is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal

from rung.agents.actions import actions_of
from rung.agents.rendering import render_steps
from rung.agents.spec import AgentSpec
from rung.core.hashing import content_hash
from rung.core.records import Message
from rung.core.seeds import stream
from rung.engines.base import Thinking
from rung.forms import Filling, Form, Object, answer_json, fill
from rung.forms.express import inexpressible
from rung.forms.filling import scalar_paths
from rung.forms.render import slot_json
from rung.routes.prompt import build_messages
from rung.routes.route import Telling
from rung.tasks.task import Example
from rung.train.scribe import Dictation, Scribe
from rung.worlds.world import Call, World

Learn = Literal["answer", "values"]


class Unwritable(Exception):
    """An answer that serving could not give; carries the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One sequence of tokens and which of them are learnt."""

    example: str
    """Id of the example it was written from."""
    tokens: tuple[int, ...]
    trained: tuple[bool, ...]
    """Of each token: whether the model is to say it. The first token never is."""

    @property
    def num_trained(self) -> int:
        """How many tokens are learnt."""
        return sum(self.trained)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How texts are written; what serves must be told and decoded the same way."""

    learn: Learn = "answer"
    prompt: Telling = "full"
    parallel: bool = False
    """Slots side by side, each without sight of the others; only with `values`."""
    shuffled: bool = False
    """The slots of a form in random order, so that each also stands first."""
    slot_dropout: float = 0.0
    """Probability that a slot is left out of one text; at least one stays."""
    remaining: bool = False
    """An agent is told behind a write which of the rows found before are left."""
    max_tokens: int = 256
    """The route's own limit on a value."""
    seed: int = 0


def form_texts(
    scribe: Scribe,
    form: Form,
    instruction: str,
    example: Example,
    style: Style,
    *,
    output: Any = None,
    draw: int = 0,
) -> tuple[Text, ...]:
    """Return the texts in which a model fills the form with `output` (the target when None).

    `draw` tells one random order of the slots from the next. Raises Unwritable for a value that
    the form cannot write.
    """
    told = dict(example.target if output is None else output)
    messages = build_messages(instruction, form, example.input, bare=style.prompt == "bare")
    random = stream(style.seed, "slots", example.id, draw)
    form = _rearranged(form, style, random)
    told = {name: value for name, value in told.items() if name in dict(form.fields)}
    if reason := inexpressible(form.root, told):
        raise Unwritable(reason)
    thinking: Thinking = "off" if scribe.capabilities.thinking else "default"
    text = answer_json(form, told)
    if style.learn == "answer":
        return (_whole(scribe, messages, text, example.id, thinking),)
    how = Filling(
        parallel=style.parallel, thinking=thinking, max_tokens=style.max_tokens, retries=0
    )
    alone = _alone(form, told) if style.parallel else []
    return _filled(scribe, form, messages, how, example, [*alone, text])


def episode_texts(
    scribe: Scribe,
    spec: AgentSpec,
    world: World,
    example: Example,
    calls: Sequence[Call],
    instruction: str,
    style: Style,
) -> tuple[Text, ...]:
    """Return the texts in which an agent makes these calls: one, or several where its history
    outgrows its budget. Only the agent's own turns are learnt.

    Raises Unwritable for a call that the action form cannot write.
    """
    spec = replace(spec, tools="none") if style.prompt == "bare" else spec
    actions = actions_of(world.tools(example), abstain=spec.abstain)
    found: list[Text] = []
    for messages, said in render_steps(spec, world, example, calls, instruction=instruction):
        if style.learn == "answer" or spec.loop != "form":
            found.append(_whole(scribe, messages, said.content, example.id, "default"))
        else:
            how = Filling(max_tokens=spec.max_tokens, retries=0, asking="slots")
            found += _filled(scribe, actions.form, messages, how, example, [said.content])
    return merge(found)


def merge(texts: Iterable[Text]) -> tuple[Text, ...]:
    """Join texts of which one goes on where another ends; each token is learnt once.

    What stands behind the last token to learn is dropped.
    """
    kept: list[Text] = []
    for text in sorted(map(_cut, texts), key=lambda text: -len(text.tokens)):
        size = len(text.tokens)
        at = next((i for i, one in enumerate(kept) if one.tokens[:size] == text.tokens), None)
        if at is None:
            kept.append(text)
        else:
            both = [a or b for a, b in zip(kept[at].trained, text.trained, strict=False)]
            kept[at] = replace(kept[at], trained=(*both, *kept[at].trained[size:]))
    return tuple(reversed(kept))


def texts_hash(texts: Sequence[Text]) -> str:
    """Return the SHA-256 of texts, in order: the tokens and what is learnt of them."""
    return content_hash([[list(t.tokens), [int(mark) for mark in t.trained]] for t in texts])


def _whole(
    scribe: Scribe, messages: Sequence[Message], text: str, example: str, thinking: Thinking
) -> Text:
    """Return the text in which the answer is written freely, its end learnt too."""
    prompt = scribe.prompt(messages, thinking)
    answer = (*scribe.grammars.tokenize(text.encode()), scribe.end)
    return Text(
        example=example,
        tokens=prompt + answer,
        trained=(False,) * len(prompt) + (True,) * len(answer),
    )


def _filled(
    scribe: Scribe,
    form: Form,
    messages: Sequence[Message],
    how: Filling,
    example: Example,
    texts: Sequence[str],
) -> tuple[Text, ...]:
    """Let serving fill the form with what `texts` say; return what it asked the model for."""
    prompt = scribe.prompt(messages, how.thinking)
    dictation = Dictation(
        prompt=prompt,
        answers=tuple(text.encode() for text in texts),
        end=scribe.end,
        grammars=scribe.grammars,
    )
    with scribe.told(dictation):
        filled = fill(form, scribe, messages, how, source=example.input)
    if filled.text != texts[-1]:
        raise Unwritable(filled.reason or f"the form writes {filled.text[-80:]!r} instead")
    return merge(
        Text(
            example=example.id,
            tokens=(*prompt, *written, wanted),
            trained=(False,) * (len(prompt) + len(written)) + (True,),
        )
        for written, wanted in dictation.decided().items()
    )


def _alone(form: Form, output: Any) -> list[str]:
    """Return the text of each slot that is filled beside the others, with what follows it."""
    return [slot_json(form, path, output) + ", " for path in scalar_paths(form.root)]


def _rearranged(form: Form, style: Style, random: Random) -> Form:
    """Return the form with its top-level parts in another order, some left out, if wanted."""
    if not isinstance(form.root, Object) or not (style.shuffled or style.slot_dropout):
        return form
    parts = list(form.root.parts)
    if style.shuffled:
        random.shuffle(parts)
    kept = [part for part in parts if random.random() >= style.slot_dropout] or parts[:1]
    return replace(form, root=replace(form.root, parts=tuple(kept)), schema=True)


def _cut(text: Text) -> Text:
    size = max((at + 1 for at, mark in enumerate(text.trained) if mark), default=0)
    return replace(text, tokens=text.tokens[:size], trained=text.trained[:size])
