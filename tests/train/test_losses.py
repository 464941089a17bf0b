"""Losses and advantages against known answers (TRL 1.16 and the papers' own formulas)."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch", reason="pip install 'rung[train]'")
import torch

from rung.train.losses import add_up, advantages, dpo_loss, policy_loss

REWARDS = (1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "kind, right, wrong",
    [
        ("grpo", 1.2074, -0.7244),
        ("rloo", 0.7143, -0.4286),
        ("mean", 0.625, -0.375),
    ],
)
def test_advantages_known_answers(kind: str, right: float, wrong: float) -> None:
    found = advantages(REWARDS, kind)  # type: ignore[arg-type]
    wanted = [right if reward else wrong for reward in REWARDS]
    assert found == pytest.approx(wanted, abs=5e-5)
    assert sum(found) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("kind", ["grpo", "rloo", "mean"])
def test_a_group_that_is_all_the_same_teaches_nothing(kind: str) -> None:
    assert advantages([1.0] * 8, kind) == [0.0] * 8  # type: ignore[arg-type]


def test_dpo_known_answer() -> None:
    """Beta 0.1 and a margin of 0.8 nats: -log sigmoid(0.08) = 0.65395; no margin: log 2."""
    chosen = torch.tensor([-1.0, -3.0], requires_grad=True)
    rejected = torch.tensor([-2.0, -3.0], requires_grad=True)
    found = dpo_loss(
        chosen, rejected, torch.tensor([-1.5, -3.0]), torch.tensor([-1.7, -3.0]), beta=0.1
    )
    assert found.tolist() == pytest.approx([0.65395, math.log(2)], abs=5e-6)
    found.sum().backward()
    assert chosen.grad[0] == pytest.approx(-0.1 * (1 - 1 / (1 + math.exp(-0.08))), abs=1e-6)
    torch.testing.assert_close(rejected.grad, -chosen.grad)


def test_the_policy_loss_clips_what_went_far_enough() -> None:
    """Above 1.28 a right token teaches no more, below 0.8 a wrong one."""
    ratios = torch.tensor([1.0, 1.5, 1.5, 0.5, 0.5], requires_grad=True)
    advantage = torch.tensor([1.0, 1.0, -1.0, 1.0, -1.0])
    loss = policy_loss(torch.log(ratios), torch.zeros(5), advantage, clip_low=0.2, clip_high=0.28)
    assert loss.item() == pytest.approx(-(1.0 + 1.28 - 1.5 + 0.5 - 0.8) / 5, abs=1e-6)
    loss.backward()
    assert [bool(one) for one in ratios.grad] == [True, False, True, True, False]


def test_losses_that_are_added_up_have_the_gradient_of_their_sum() -> None:
    weight = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    parts = [lambda at=at: weight[at] ** 2 for at in range(3)]
    total = add_up(parts)
    total.backward()
    assert total.item() == 14.0
    assert weight.grad.tolist() == [2.0, 4.0, 6.0]


def test_the_divergence_from_the_reference_is_added() -> None:
    """k3 of a token that is twice as likely as before: 1/2 - log(1/2) - 1."""
    logprobs, old = torch.log(torch.tensor([0.5])), torch.log(torch.tensor([0.5]))
    loss = policy_loss(
        logprobs,
        old,
        torch.tensor([0.0]),
        clip_low=0.2,
        clip_high=0.2,
        reference=torch.log(torch.tensor([0.25])),
        beta=2.0,
    )
    assert loss.item() == pytest.approx(2.0 * (0.5 + math.log(2) - 1), abs=1e-6)
