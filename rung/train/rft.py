"""RFT: train on the model's own answers that a verifier accepts.

Rejection-sampling fine-tuning (Yuan et al. 2023, arXiv 2308.01825): draw k answers to each train
example at a temperature, keep the right ones, each once, and train on them as on any texts. Pays
where one of several answers is right more often than the first; examples that are never right teach
nothing here, and are counted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rung.core.errors import TrainError
from rung.core.files import write_atomic
from rung.train.attempts import Drawing, distinct, draw_all
from rung.train.loop import History
from rung.train.rewards import verifier_of
from rung.train.sampling import Attempt, Sampler, mean_pass, rate_of
from rung.train.sft import CHECKPOINT, sft
from rung.train.texts import Text, Unwritable

if TYPE_CHECKING:
    from rung.train.methods import Job

REPORT = "rft.json"
MAX_PER_EXAMPLE = 4
"""Different right answers of one example that are learnt, so that easy ones do not crowd."""


def train(job: Job, drawing: Drawing = Drawing()) -> History:  # noqa: B008  (frozen)
    """Draw, keep what is right, train on it; satisfies `Method`.

    Raises TrainError when no answer is right.
    """
    with Sampler(job.model, job.base, job.writer, verifier_of(job.task)) as sampler:
        groups = draw_all(sampler, job, drawing)
    texts = accepted_texts(job, groups)
    report = acceptance(groups) | {"num_texts": len(texts)}
    write_atomic(job.folder / REPORT, json.dumps(report, indent=1) + "\n")
    if not texts:
        raise TrainError(
            f"none of {drawing.count} answers to each of {len(groups)} examples is right",
            hint=f"rung train {job.task.name} --method sft teaches it the targets first",
        )
    return sft(
        job.model,
        texts,
        job.settings,
        checkpoint=job.folder / CHECKPOINT,
        dev=job.dev,
        judge_start=job.goes_on,
        tell=job.tell,
    )


def accepted_texts(job: Job, groups: Sequence[Sequence[Attempt]]) -> list[Text]:
    """Return the texts of the right answers, each answer of an example once."""
    found: list[Text] = []
    for group in groups:
        for attempt in distinct([one for one in group if one.right])[:MAX_PER_EXAMPLE]:
            with suppress(Unwritable):
                found += job.writer.texts(attempt.example, attempt.output, draw=attempt.number)
    return found


def acceptance(groups: Sequence[Sequence[Attempt]]) -> dict[str, Any]:
    """Return how often answers were right: pass@1, pass@k, by example, and never or always."""
    rates = {group[0].example.id: rate_of(group) for group in groups}
    count = len(groups[0])
    return {
        "num_examples": len(groups),
        "num_attempts": count,
        "pass_at_1": mean_pass(groups),
        f"pass_at_{count}": mean_pass(groups, count),
        "num_never": sum(rate == 0.0 for rate in rates.values()),
        "num_always": sum(rate == 1.0 for rate in rates.values()),
        "acceptance": rates,
    }
