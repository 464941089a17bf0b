"""GRPO: reinforce the model's answers that are right more often than its others to the same input.

Group-relative policy optimisation (Shao et al. 2024, arXiv 2402.03300), with the loss per token and
the dynamic sampling of DAPO (Yu et al. 2025, arXiv 2503.14476): groups whose answers are all right
or all wrong teach nothing, so they are dropped and others drawn in their place. Rewards are 1 or 0,
by a verifier that passed its audit; trained on are only examples of which a share of answers within
`BAND` is right, as measured before the first step. Only what the form leaves to the model is its
policy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from rung.core.errors import TrainError
from rung.core.files import write_atomic
from rung.core.hashing import content_hash
from rung.tasks.task import Example
from rung.train.attempts import Drawing, draw_all
from rung.train.audit import audit, demand_audited
from rung.train.base import trainable
from rung.train.loop import History, Loss, run_loop
from rung.train.losses import Advantage, advantages, policy_loss
from rung.train.reference import Reference, frozen
from rung.train.rewards import verifier_of
from rung.train.rft import acceptance
from rung.train.sampling import Attempt, Sampler, dev_lack, rate_of
from rung.train.sft import CHECKPOINT, token_logprobs
from rung.train.texts import Text

if TYPE_CHECKING:
    from rung.train.methods import Job

REPORT = "grpo.json"
ROLLOUTS = "rollouts.jsonl"
BAND = (0.1, 0.9)
MIN_EXAMPLES = 4
"""Examples within the band, below which there is nothing to reinforce."""
MAX_DEV = 64
_TOKENS_AT_ONCE = 8192
"""Tokens of one pass through the model; the gradients of several are added up."""


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


def train(job: Job, reward: Reward = Reward()) -> History:  # noqa: B008  (frozen)
    """Audit, probe, reinforce; satisfies `Method`.

    Raises TrainError naming a verifier that did not pass its audit, or when too few examples are
    within the band.
    """
    verifier = verifier_of(job.task)
    audited = audit(verifier, job.task.train, seed=job.settings.seed)
    demand_audited(audited)
    with Sampler(job.model, job.base, job.writer, verifier) as sampler:
        groups = draw_all(sampler, job, Drawing(count=reward.num_probes))
        examples = in_band(groups)
        report = {"audit": audited.to_json(), **acceptance(groups), "num_in_band": len(examples)}
        write_atomic(job.folder / REPORT, json.dumps(report, indent=1) + "\n")
        _demand_band(groups, examples, job.task.name)
        rollouts = Rollouts(
            sampler, job.model, examples, reward, told=partial(_note, job.folder / ROLLOUTS)
        )
        return run_loop(
            job.model,
            examples,
            rollouts.loss,
            job.settings,
            length=lambda example: len(example.input),
            checkpoint=job.folder / CHECKPOINT,
            judge=dev_lack(sampler, job.task.dev[:MAX_DEV]),
            tell=job.tell,
            identity=content_hash(["grpo", sorted(one.id for one in examples)]),
        )


def in_band(groups: Sequence[Sequence[Attempt]]) -> list[Example]:
    """Return the examples that are answered rightly neither too rarely nor too often."""
    low, high = BAND
    return [group[0].example for group in groups if low <= rate_of(group) <= high]


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
        """Return the loss of answers to the batch, freshly drawn once the last ones are used up.

        Of all passes but the last the gradient is added to the model here.
        """
        if not self._left:
            answers = self._draw(batch)
            self._chunks = [self._noted(model, some) for some in _in_passes(answers)]
            self._left = self._reward.updates
        self._left -= 1
        if not self._chunks:
            return Loss(value=_nothing(model), num_trained=0, num_tokens=0)
        total = sum(chunk.num_trained for chunk in self._chunks)
        value = 0.0
        for chunk in self._chunks:
            part = self._part(model, chunk) * (chunk.num_trained / total)
            if chunk is not self._chunks[-1]:
                part.backward()
                value += float(part.detach())
        return Loss(
            value=part + value,
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

    def _part(self, model: Any, chunk: _Chunk) -> torch.Tensor:
        reward = self._reward
        logprobs, rows = token_logprobs(model, chunk.texts)
        each = [one.advantage for one in chunk.answers for _ in one.texts]
        return policy_loss(
            logprobs,
            logprobs.detach() if chunk.old is None else chunk.old,
            torch.tensor(each, device=rows.device)[rows],
            clip_low=reward.clip_low,
            clip_high=reward.clip_high,
            reference=chunk.reference,
            beta=reward.beta,
        )

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


def _note(path: Path, drawn: Drawn) -> None:
    """Append what was drawn to the run's file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(drawn)) + "\n")


def _seed() -> int:
    """Return a seed from torch's own state, which a checkpoint holds: a resumed run draws alike."""
    return int(torch.randint(1 << 62, ()))


def _in_passes(answers: Sequence[Weighted]) -> list[list[Weighted]]:
    """Return the answers, in order, as many at a time as fit one pass."""
    chunks: list[list[Weighted]] = []
    room = 0
    for answer in answers:
        size = sum(len(text.tokens) for text in answer.texts)
        if not chunks or size > room:
            chunks.append([])
            room = _TOKENS_AT_ONCE
        chunks[-1].append(answer)
        room -= size
    return chunks


def _nothing(model: Any) -> torch.Tensor:
    """Return a loss of zero whose gradient is zero."""
    return torch.stack([parameter.sum() for parameter in trainable(model).values()]).sum() * 0.0


def _demand_band(
    groups: Sequence[Sequence[Attempt]], examples: Sequence[Example], name: str
) -> None:
    if len(examples) >= MIN_EXAMPLES:
        return
    never = sum(rate_of(group) < BAND[0] for group in groups)
    always = sum(rate_of(group) > BAND[1] for group in groups)
    raise TrainError(
        f"of {len(groups)} examples {len(examples)} are answered rightly between {BAND[0]:.0%} and"
        f" {BAND[1]:.0%} of the time, {never} less often, {always} more often: there is nothing to"
        " reinforce",
        hint=f"rung train {name} --method {'sft' if never > always else 'rft'}",
    )
