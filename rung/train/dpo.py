"""DPO: learn to prefer the model's own right answers to its own wrong ones.

Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290) on pairs of verified answers
to the same input; `pairs.py` says which. The reference is the model as training began: its
log-probabilities are taken before the first step, so no second copy is held. Only what the form
leaves to the model counts as an answer's probability.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from rung.core.errors import TrainError
from rung.core.files import write_atomic
from rung.core.hashing import content_hash
from rung.train.attempts import Drawing, distinct, draw_all
from rung.train.batches import in_passes
from rung.train.loop import History, Loss, run_loop
from rung.train.losses import TOKENS_AT_ONCE, add_up, dpo_loss
from rung.train.pairs import Rated, pair_by_margin
from rung.train.reference import frozen
from rung.train.rewards import verifier_of
from rung.train.rft import acceptance
from rung.train.sampling import Attempt, Sampler, dev_lack
from rung.train.sft import CHECKPOINT, text_logprobs
from rung.train.texts import Text, texts_hash

if TYPE_CHECKING:
    from rung.train.methods import Job

REPORT = "dpo.json"
BETA = 0.1
MAX_PAIRS = 2
"""Of one example."""
MAX_DEV = 64
"""Dev examples whose answers judge a run on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """A better and a worse answer to one example, as texts, with the reference's opinion."""

    chosen: tuple[Text, ...]
    rejected: tuple[Text, ...]
    reference: tuple[float, float] = (0.0, 0.0)
    """Log-probabilities of the two when training began, nats."""

    @property
    def length(self) -> int:
        """Tokens of both."""
        return sum(len(text.tokens) for text in (*self.chosen, *self.rejected))


def train(job: Job, drawing: Drawing = Drawing()) -> History:  # noqa: B008  (frozen)
    """Draw, pair, train; satisfies `Method`. Raises TrainError when there are no pairs."""
    with Sampler(job.model, job.base, job.writer, verifier_of(job.task)) as sampler:
        groups = draw_all(sampler, job, drawing)
        preferences = [pair for group in groups for pair in pairs_of(sampler, group)]
        report = acceptance(groups) | {"num_pairs": len(preferences)}
        write_atomic(job.folder / REPORT, json.dumps(report, indent=1) + "\n")
        if not preferences:
            raise TrainError(
                f"no example of {len(groups)} was answered both rightly and wrongly in"
                f" {drawing.count} attempts: there are no pairs",
                hint=f"rung train {job.task.name} --method sft",
            )
        return prefer(job, with_reference(job.model, preferences), sampler)


def pairs_of(
    sampler: Sampler,
    group: Sequence[Attempt],
    rate: Callable[[Attempt], float | None] | None = None,
    *,
    margin: float = 1.0,
) -> list[Preference]:
    """Return the pairs of one example's attempts, by the verifier or a judge's rating.

    An attempt that `rate` gives None is in no pair, nor is one that cannot be told as a text.
    """
    texts: dict[str, tuple[Text, ...]] = {}
    rated = []
    for attempt in distinct(group):
        score = float(attempt.right) if rate is None else rate(attempt)
        written = sampler.texts(attempt)
        if score is None or not written:
            continue
        texts[id_ := f"{attempt.number:04}"] = written
        length = sum(text.num_trained for text in written)
        rated.append(Rated(id=id_, score=score, length=length))
    pairs = pair_by_margin(rated, margin)[:MAX_PAIRS]
    return [
        Preference(chosen=texts[pair.chosen.id], rejected=texts[pair.rejected.id]) for pair in pairs
    ]


def with_reference(model: Any, preferences: Sequence[Preference]) -> list[Preference]:
    """Return the pairs with what the model thinks of them now."""
    found = list(preferences)
    with frozen(model):
        for batch in in_passes([one.length for one in found], TOKENS_AT_ONCE):
            chosen, rejected = _answers(model, [found[at] for at in batch])
            for at, *both in zip(batch, chosen.tolist(), rejected.tolist(), strict=True):
                found[at] = replace(found[at], reference=(both[0], both[1]))
    return found


def prefer(job: Job, preferences: Sequence[Preference], sampler: Sampler) -> History:
    """Train on pairs, judged by the answers to dev."""
    texts = [text for one in preferences for text in (*one.chosen, *one.rejected)]
    return run_loop(
        job.model,
        preferences,
        partial(preference_loss, beta=BETA),
        job.settings,
        length=lambda one: one.length,
        checkpoint=job.folder / CHECKPOINT,
        judge=dev_lack(sampler, job.task.dev[:MAX_DEV]),
        judge_start=True,
        tell=job.tell,
        identity=content_hash(["dpo", texts_hash(texts)]),
    )


def preference_loss(model: Any, pairs: Sequence[Preference], *, beta: float) -> Loss:
    """Return the mean DPO loss of a batch of pairs."""

    def part(some: Sequence[Preference]) -> torch.Tensor:
        chosen, rejected = _answers(model, some)
        reference = torch.tensor([pair.reference for pair in some], device=chosen.device)
        each = dpo_loss(chosen, rejected, reference[:, 0], reference[:, 1], beta=beta)
        return each.sum() / len(pairs)

    passes = in_passes([pair.length for pair in pairs], TOKENS_AT_ONCE)
    texts = [text for pair in pairs for text in (*pair.chosen, *pair.rejected)]
    return Loss(
        value=add_up([partial(part, [pairs[at] for at in some]) for some in passes]),
        num_trained=sum(text.num_trained for text in texts),
        num_tokens=sum(len(text.tokens) for text in texts),
    )


def _answers(model: Any, pairs: Sequence[Preference]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the log-probabilities of the chosen and of the rejected answers, each (pairs,)."""
    answers = [answer for pair in pairs for answer in (pair.chosen, pair.rejected)]
    of_texts = text_logprobs(model, [text for answer in answers for text in answer])
    owners = [at for at, answer in enumerate(answers) for _ in answer]
    index = torch.tensor(owners, device=of_texts.device)
    sums = torch.zeros(len(answers), device=of_texts.device).index_add(0, index, of_texts)
    return sums[0::2], sums[1::2]
