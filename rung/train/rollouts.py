"""Rollouts: answers drawn by the model as it is now, and the loss that reinforces the better ones.

Groups whose answers are all worth the same teach nothing; they are dropped and others drawn in
their place (dynamic sampling: Yu et al. 2025, DAPO, arXiv 2503.14476, section 3.2). Which examples
are worth it at all, and who judges, is decided in `grpo.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from rung.tasks.task import Example
from rung.train.base import trainable
from rung.train.batches import in_passes
from rung.train.loop import Loss
from rung.train.losses import TOKENS_AT_ONCE, Advantage, add_up, advantages, policy_loss
from rung.train.reference import Reference, frozen
from rung.train.sampling import Attempt, Sampler, rate_of
from rung.train.sft import token_logprobs
from rung.train.texts import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """How answers are drawn and compared."""

    num_probes: int = 8
    """Answers to each example before the first step, which say how often it is right."""
    group_size: int = 8
    """Answers to one example that are compared."""
    advantage: Advantage = "grpo"
    clip_low: float = 0.2
    clip_high: float = 0.28
    updates: int = 1
    """Steps taken on the same answers."""
    beta: float = 0.0
    """Weight of the divergence from the model as training began; 0: it is not computed."""
    refills: int = 2
    """How often groups that teach nothing are replaced by others, in one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighted:
    """One answer's texts and how much better it is than its group."""

    texts: tuple[Text, ...]
    advantage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What was drawn for one step."""

    pass_rate: float
    """Share of right answers."""
    num_groups: int
    num_dropped: int
    """Groups that taught nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """Answers that go through the model in one pass, and what was thought of them when drawn."""

    answers: Sequence[Weighted]
    old: torch.Tensor | None
    """Log-probabilities of the tokens; None where the first step on them is the only one."""
    reference: torch.Tensor | None
    """The same by the model as training began, where that counts."""

    @property
    def texts(self) -> list[Text]:
        """Texts of all answers."""
        return [text for answer in self.answers for text in answer.texts]

    @property
    def num_trained(self) -> int:
        """Tokens that the model decided."""
        return sum(text.num_trained for text in self.texts)


class Rollouts:
    """Draws answers to a batch of examples and gives their loss."""

    def __init__(
        self,
        sampler: Sampler,
        model: Any,
        pool: Sequence[Example],
        reward: Reward,
        *,
        told: Callable[[Drawn], None],
    ) -> None:
        self._told = told
        self._sampler, self._pool, self._reward = sampler, pool, reward
        self._reference = Reference(model) if reward.beta else None
        self._chunks: list[_Chunk] = []
        self._left = 0

    def loss(self, model: Any, batch: Sequence[Example]) -> Loss:
        """Return the loss of answers to the batch, freshly drawn once the last are used up."""
        if not self._left:
            answers = self._draw(batch)
            sizes = [sum(len(text.tokens) for text in one.texts) for one in answers]
            self._chunks = [
                self._noted(model, [answers[at] for at in some])
                for some in in_passes(sizes, TOKENS_AT_ONCE)
            ]
            self._left = self._reward.updates
        self._left -= 1
        if not self._chunks:
            return Loss(value=_nothing(model), num_trained=0, num_tokens=0)
        total = sum(chunk.num_trained for chunk in self._chunks)
        return Loss(
            value=add_up([partial(self._part, model, chunk, total) for chunk in self._chunks]),
            num_trained=total,
            num_tokens=sum(len(text.tokens) for one in self._chunks for text in one.texts),
        )

    def _noted(self, model: Any, answers: Sequence[Weighted]) -> _Chunk:
        chunk, old, reference = _Chunk(answers=answers, old=None, reference=None), None, None
        if self._reward.updates > 1:
            with frozen(model):
                old = token_logprobs(model, chunk.texts)[0]
        if self._reference is not None:
            with self._reference.in_place():
                reference = token_logprobs(model, chunk.texts)[0]
        return replace(chunk, old=old, reference=reference)

    def _part(self, model: Any, chunk: _Chunk, total: int) -> torch.Tensor:
        """Return a chunk's share of the mean over `total` tokens."""
        reward = self._reward
        logprobs, rows = token_logprobs(model, chunk.texts)
        each = [one.advantage for one in chunk.answers for _ in one.texts]
        loss = policy_loss(
            logprobs,
            logprobs.detach() if chunk.old is None else chunk.old,
            torch.tensor(each, device=rows.device)[rows],
            clip_low=reward.clip_low,
            clip_high=reward.clip_high,
            reference=chunk.reference,
            beta=reward.beta,
        )
        return loss * (chunk.num_trained / total)

    def _draw(self, batch: Sequence[Example]) -> list[Weighted]:
        """Return the answers of groups that teach something, as many groups as the batch has."""
        found: list[list[Weighted]] = []
        asked, rates = list(batch), list[float]()
        for _ in range(self._reward.refills + 1):
            groups = self._sampler.draw(
                asked, self._reward.group_size, temperature=1.0, seed=_seed()
            )
            rates += map(rate_of, groups)
            taught = [weigh(group, self._sampler.texts, self._reward.advantage) for group in groups]
            found += [one for one in taught if one]
            missing = len(batch) - len(found)
            if missing <= 0:
                break
            asked = self._others(missing)
        drawn = Drawn(
            pass_rate=sum(rates) / len(rates),
            num_groups=len(rates),
            num_dropped=len(rates) - len(found),
        )
        self._told(drawn)
        return [answer for group in found for answer in group]

    def _others(self, count: int) -> list[Example]:
        """Return examples of the pool in random order."""
        order = torch.randperm(len(self._pool))[:count].tolist()
        return [self._pool[at] for at in order]


def weigh(
    group: Sequence[Attempt], texts: Callable[[Attempt], tuple[Text, ...]], kind: Advantage
) -> list[Weighted]:
    """Return a group's answers with their advantages; none where all are worth the same.

    An answer that cannot be told as a text still counts for what the others are compared with.
    """
    rewards = [float(attempt.right) for attempt in group]
    if len(set(rewards)) < 2:
        return []
    told = [
        (texts(attempt), one) for attempt, one in zip(group, advantages(rewards, kind), strict=True)
    ]
    return [Weighted(texts=written, advantage=one) for written, one in told if written]


def _seed() -> int:
    """Return a seed from torch's own state, which a checkpoint holds: a resumed run draws alike."""
    return int(torch.randint(1 << 62, ()))


def _nothing(model: Any) -> torch.Tensor:
    """Return a loss of zero whose gradient is zero."""
    return torch.stack([parameter.sum() for parameter in trainable(model).values()]).sum() * 0.0
