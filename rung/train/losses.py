"""The losses of preference and reward methods, on log-probabilities of whole answers or tokens.

DPO: Rafailov et al. 2023 (arXiv 2305.18290), equation 7. RLOO: Ahmadian et al. 2024 (arXiv
2402.14740), section 3.2. GRPO: Shao et al. 2024 (arXiv 2402.03300), equation 3. Mean-centred
advantages without the division by the spread: Liu et al. 2025 (Dr. GRPO, arXiv 2503.20783). Loss
per token over the whole batch and the raised upper clip: Yu et al. 2025 (DAPO, arXiv 2503.14476),
sections 3.1 and 3.3. Everything is in nats. Nothing here knows a model or a text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch

Advantage = Literal["grpo", "rloo", "mean"]
_SPREAD_FLOOR = 1e-4


TOKENS_AT_ONCE = 2048
"""Tokens of one pass through a model whose gradients are added up; see `add_up`. A token's
activations take about 2 MB in a model of 135M parameters; wider passes are no faster on a CPU."""


def add_up(parts: Sequence[Callable[[], torch.Tensor]]) -> torch.Tensor:
    """Return the sum of losses, computed one after another, so that memory holds one at a time.

    Of all but the last the gradient is added to the model here; the sum has that of the last.
    """
    value = 0.0
    for part in parts[:-1]:
        loss = part()
        loss.backward()
        value += float(loss.detach())
    return parts[-1]() + value


def dpo_loss(
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    reference_chosen: torch.Tensor,
    reference_rejected: torch.Tensor,
    *,
    beta: float,
) -> torch.Tensor:
    """Return each pair's loss, (pairs,), from log-probabilities of the answers, each (pairs,)."""
    margin = (chosen - reference_chosen) - (rejected - reference_rejected)
    return -torch.nn.functional.logsigmoid(beta * margin)


def advantages(rewards: Sequence[float], kind: Advantage) -> list[float]:
    """Return how much better each answer of one group is than the others; they sum to zero.

    `grpo` divides by the sample's standard deviation, `rloo` compares with the mean of the others,
    `mean` with the mean of all.
    """
    num = len(rewards)
    mean = sum(rewards) / num
    centred = [reward - mean for reward in rewards]
    if kind == "mean" or num < 2:
        return centred
    if kind == "rloo":
        return [num / (num - 1) * one for one in centred]
    spread = (sum(one * one for one in centred) / (num - 1)) ** 0.5
    return [one / (spread + _SPREAD_FLOOR) for one in centred]


def policy_loss(
    logprobs: torch.Tensor,
    old: torch.Tensor,
    advantage: torch.Tensor,
    *,
    clip_low: float,
    clip_high: float,
    reference: torch.Tensor | None = None,
    beta: float = 0.0,
) -> torch.Tensor:
    """Return the clipped loss, a mean over all tokens of all answers; all arguments are (tokens,).

    `old` are the log-probabilities when the answers were drawn. With `beta`, plus that times the
    divergence from the reference (Schulman's estimator k3, which is never negative).
    """
    ratio = torch.exp(logprobs - old)
    clipped = ratio.clamp(1.0 - clip_low, 1.0 + clip_high)
    loss = -torch.minimum(ratio * advantage, clipped * advantage)
    if reference is not None and beta:
        away = reference - logprobs
        loss = loss + beta * (torch.exp(away) - away - 1.0)
    return loss.mean()
