"""Answers of the model in training, drawn as it would serve: under its form, or as an agent.

The engine runs on the very weights that are being trained, so there is no second copy and no
mismatch of tokenizer or template. What an answer is worth is for a verifier (`rewards.py`); what is
learnt of it is written by the same code as any text to train on (`write.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from math import comb
from pathlib import Path
from typing import Any

from rung.agents.episode import Episode
from rung.agents.run import run_agent
from rung.core.config import num_threads
from rung.core.records import Message
from rung.core.seeds import derive_seed
from rung.engines.base import Request, Thinking
from rung.engines.in_process import InProcessEngine
from rung.engines.speech import Speech, open_speech
from rung.engines.steps import Step
from rung.engines.transformers_adapters import TransformersSwitch
from rung.engines.transformers_branches import TransformersBranches
from rung.engines.transformers_model import TorchModel
from rung.forms import Filling
from rung.forms.fill import fill_many
from rung.routes.prompt import build_messages
from rung.tasks.task import Example
from rung.train.rewards import Output, Verifier
from rung.train.texts import Text, Unwritable
from rung.train.write import Writer

_CONTEXT_TOKENS = 4096
_AT_ONCE = 16
"""Examples whose likeliest answers are written side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One answer to one example."""

    example: Example
    number: int
    """Among the example's attempts."""
    output: Output | None
    """What the model decided; None where that cannot be told as a text: there is no usable answer,
    or a turn of an agent was blocked, unreadable or failed."""
    right: bool


class Sampler:
    """Draws answers of a model in training; use it as a context manager."""

    def __init__(self, model: Any, base: Path, writer: Writer, verifier: Verifier) -> None:
        self.writer, self.verifier = _values_only(writer), verifier
        self._model = model
        speech = open_speech(base)
        self._engine = _engine(model.get_base_model(), base, speech)

    def __enter__(self) -> Sampler:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()

    def draw(
        self, examples: Sequence[Example], count: int, *, temperature: float, seed: int
    ) -> list[list[Attempt]]:
        """Return `count` attempts at each example; at temperature 0 all of one are the same."""
        was_training = self._model.training
        self._model.eval()
        self._engine.branches.reset()  # they hold what older weights left
        try:
            if self.writer.world is not None:
                return [self._episodes(one, count, temperature, seed) for one in examples]
            if temperature > 0:
                return [self._answers(one, count, temperature, seed) for one in examples]
            return [[one] * count for one in self._likeliest(examples)]
        finally:
            self._model.train(was_training)

    def texts(self, attempt: Attempt) -> tuple[Text, ...]:
        """Return what an attempt's decisions were, as texts; none where they cannot be written."""
        if attempt.output is None:
            return ()
        try:
            return self.writer.texts(attempt.example, attempt.output)
        except Unwritable:
            return ()

    def _answers(
        self, example: Example, count: int, temperature: float, seed: int
    ) -> list[Attempt]:
        messages = self._messages(example)
        self._evaluate_prompt(messages)
        how = replace(self._filling(), temperature=temperature)
        seeds = [derive_seed(seed, example.id, number) for number in range(count)]
        return self._fill([example] * count, [messages] * count, how, seeds)

    def _likeliest(self, examples: Sequence[Example]) -> list[Attempt]:
        found: list[Attempt] = []
        for at in range(0, len(examples), _AT_ONCE):
            some = examples[at : at + _AT_ONCE]
            found += self._fill(some, [self._messages(one) for one in some], self._filling(), ())
        return found

    def _fill(
        self,
        examples: Sequence[Example],
        conversations: Sequence[Sequence[Message]],
        how: Filling,
        seeds: Sequence[int],
    ) -> list[Attempt]:
        assert self.writer.form is not None
        filled = fill_many(
            self.writer.form,
            self._engine,
            conversations,
            how,
            sources=[example.input for example in examples],
            seeds=seeds,
        )
        return [
            Attempt(
                example=example,
                number=number,
                output=one.output,
                right=self.verifier.accepts(example, one.output),
            )
            for number, (example, one) in enumerate(zip(examples, filled, strict=True))
        ]

    def _episodes(
        self, example: Example, count: int, temperature: float, seed: int
    ) -> list[Attempt]:
        if temperature <= 0:
            return [self._episode(example, 0, temperature, seed)] * count
        return [
            self._episode(example, number, temperature, derive_seed(seed, example.id, number))
            for number in range(count)
        ]

    def _episode(self, example: Example, number: int, temperature: float, seed: int) -> Attempt:
        writer = self.writer
        assert writer.world is not None
        bare = writer.style.prompt == "bare"
        spec = replace(
            writer.agent,
            temperature=temperature,
            seed=seed,
            tools="none" if bare else writer.agent.tools,
        )
        episode = run_agent(spec, self._engine, writer.world, example, writer.task.instruction)
        ended = episode.status == "ok"
        return Attempt(
            example=example,
            number=number,
            output=decided(episode) if ended else None,
            right=ended and self.verifier.accepts(example, episode.output),
        )

    def _messages(self, example: Example) -> tuple[Message, ...]:
        writer = self.writer
        assert writer.form is not None
        bare = writer.style.prompt == "bare"
        return build_messages(writer.task.instruction, writer.form, example.input, bare=bare)

    def _filling(self) -> Filling:
        style = self.writer.style
        return Filling(
            parallel=style.parallel,
            scoring="trie",
            thinking=self._thinking,
            max_tokens=style.max_tokens,
            retries=0,
        )

    @property
    def _thinking(self) -> Thinking:
        return "off" if self._engine.capabilities.thinking else "default"

    def _evaluate_prompt(self, messages: Sequence[Message]) -> None:
        """Evaluate a prompt once; the attempts at it share it."""
        engine = self._engine
        with engine.lock:
            opened = engine.open(Request(messages=tuple(messages), thinking=self._thinking))
            engine.evaluate([Step(branches=(opened.branch,), tokens=opened.rest)])
            engine.release(opened.branch)


def pass_at(num: int, num_right: int, k: int) -> float:
    """Return the probability that one of `k` answers is right, estimated without bias from `num`.

    Chen et al. 2021, "Evaluating large language models trained on code" (arXiv 2107.03374),
    equation 1.
    """
    if not 0 < k <= num:
        raise ValueError(f"pass@{k} of {num} attempts")
    return 1.0 - comb(num - num_right, k) / comb(num, k)


def mean_pass(groups: Sequence[Sequence[Attempt]], k: int = 1) -> float:
    """Return the mean over examples of pass@k."""
    each = [pass_at(len(group), sum(one.right for one in group), k) for group in groups]
    return sum(each) / len(each)


def rate_of(group: Sequence[Attempt]) -> float:
    """Return the share of right attempts, 0 to 1."""
    return sum(one.right for one in group) / len(group)


def dev_lack(sampler: Sampler, examples: Sequence[Example]) -> Callable[[], float] | None:
    """Return what judges a run: the share of dev examples answered wrongly; None without any."""
    if not examples:
        return None
    return lambda: 1.0 - mean_pass(sampler.draw(examples, 1, temperature=0.0, seed=0))


def decided(episode: Episode) -> Output | None:
    """Return the model's own calls, the end included; None where not every turn went through."""
    calls = [step.call for step in episode.steps]
    failed = any(step.blocked or (step.result and step.result.error) for step in episode.steps)
    if failed or None in calls:
        return None
    return {"calls": [call.to_json() for call in calls if call is not None]}


def _values_only(writer: Writer) -> Writer:
    """Return a writer of the tokens that the form leaves to the model, in serving's own order."""
    twin = copy(writer)
    twin.style = replace(writer.style, learn="values", shuffled=False, slot_dropout=0.0)
    return twin


def _engine(model: Any, base: Path, speech: Speech) -> InProcessEngine:
    """Return an engine on a model's weights as they are, whatever they will become."""
    branches = TransformersBranches(
        TorchModel(model, threads=num_threads()),
        TransformersSwitch(model, base),
        context_tokens=_CONTEXT_TOKENS,
        num_vocab=speech.num_vocab,
    )

    def free() -> None:
        branches.reset()
        speech.free()

    return InProcessEngine(
        f"training:{base.name}",
        vocabulary=speech.vocabulary,
        template=speech.template,
        branches=branches,
        grammars=speech.grammars,
        free=free,
        adapters=False,
    )
