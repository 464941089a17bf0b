"""GRPO: reinforce the model's answers that are right more often than its others to the same input.

Group-relative policy optimisation (Shao et al. 2024, arXiv 2402.03300), with the loss per token of
DAPO (Yu et al. 2025, arXiv 2503.14476). Rewards are 1 or 0, by a verifier that passed its audit;
trained on are only examples of which a share of answers within `PASS_RATES` is right, as measured
before the first step. Only what the form leaves to the model is its policy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rung.core.errors import TrainError
from rung.core.files import write_atomic
from rung.core.hashing import content_hash
from rung.tasks.task import Example
from rung.train.attempts import Drawing, draw_all
from rung.train.audit import audit, demand_audited
from rung.train.loop import History, run_loop
from rung.train.plan import PASS_RATES
from rung.train.rewards import verifier_of
from rung.train.rft import acceptance
from rung.train.rollouts import Drawn, Reward, Rollouts
from rung.train.sampling import Attempt, Sampler, dev_lack, rate_of
from rung.train.sft import CHECKPOINT

if TYPE_CHECKING:
    from rung.train.methods import Job

REPORT = "grpo.json"
ROLLOUTS = "rollouts.jsonl"
MIN_EXAMPLES = 4
"""Examples within the band, below which there is nothing to reinforce."""
MAX_DEV = 64
"""Dev examples whose answers judge a run on the way."""


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
            judge_start=True,
            tell=job.tell,
            identity=content_hash(["grpo", sorted(one.id for one in examples)]),
        )


def in_band(groups: Sequence[Sequence[Attempt]]) -> list[Example]:
    """Return the examples that are answered rightly neither too rarely nor too often."""
    low, high = PASS_RATES
    return [group[0].example for group in groups if low <= rate_of(group) <= high]


def _note(path: Path, drawn: Drawn) -> None:
    """Append what was drawn to the run's file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(drawn)) + "\n")


def _demand_band(
    groups: Sequence[Sequence[Attempt]], examples: Sequence[Example], name: str
) -> None:
    if len(examples) >= MIN_EXAMPLES:
        return
    low, high = PASS_RATES
    never = sum(rate_of(group) < low for group in groups)
    always = sum(rate_of(group) > high for group in groups)
    raise TrainError(
        f"of {len(groups)} examples {len(examples)} are answered rightly between {low:.0%} and"
        f" {high:.0%} of the time, {never} less often, {always} more often: there is nothing to"
        " reinforce",
        hint=f"rung train {name} --method {'sft' if never > always else 'rft'}",
    )
