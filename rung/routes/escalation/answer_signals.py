"""What an answer tells of itself: how sure its choices are, what is missing or made up.

`p` and `margin` of choices are the specialist's own and as good as its calibration. Perplexity
tracks fluency, not correctness: it is here as the weak baseline that others are measured against.
Nothing here knows the target.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rung.agents.ids import leaves
from rung.core.hashing import canonical_json
from rung.stats.calibration import semantic_entropy
from rung.tasks.fields import as_text
from rung.tasks.task import ErrorCost

if TYPE_CHECKING:
    from rung.routes.runtime import Answer

CANDIDATE_P = 0.2
"""Probability from which an option counts as a candidate."""
ANSWER_SIGNALS: dict[str, str] = {
    "failed": "no usable answer (1) or one (0)",
    "repaired": "an answer that needed another try (1) or none (0)",
    "p_min": "probability of the least sure choice",
    "margin_min": "lead of the least sure choice over the next option",
    "entropy_max": "entropy of the least sure choice in nats",
    "num_candidates": "options of at least a fifth for the least sure choice",
    "set_size_max": "options in the largest prediction set",
    "num_missing": "fields left empty",
    "num_unbound": "ids and numbers of the answer that the request does not hold",
    "loss_if_wrong_usd": "what the answer costs if it is wrong, in dollars",
    "perplexity": "perplexity of the choices as the model stated them",
    "disagreement": "share of witnesses that say something else",
    "answer_entropy": "entropy over what the answer and witnesses say, in nats",
    "num_calls": "tool calls",
    "num_systems": "systems that the tool calls touch",
    "num_repeated_calls": "tool calls made before",
}
"""What each signal is, in plain words; `p_FIELD` and `margin_FIELD` come on top for each choice."""
_DIGITS = re.compile(r"\d[\d.,:/-]*\d|\d")


def answer_signals(
    text: str,
    answer: Answer,
    *,
    costs: ErrorCost | None = None,
    others: Sequence[Mapping[str, Any] | None] = (),
) -> dict[str, float]:
    """Return the signals of an answer by name; those that it says nothing of are left out.

    `others` are what witnesses (other routes, or further samples) say to the same request.
    """
    found = {
        "failed": float(answer.output is None or answer.status == "failed"),
        "repaired": float(answer.status == "repaired"),
    }
    found |= _of_choices(answer)
    if answer.output is not None:
        found |= _of_content(text, answer.output)
    if others:
        fields = {path.partition(".")[0] for path in answer.decisions}
        found |= _of_agreement(answer.output, others, fields)
    loss = loss_if_wrong(answer, costs)
    return found if loss is None else {**found, "loss_if_wrong_usd": loss}


def _of_choices(answer: Answer) -> dict[str, float]:
    decisions = answer.decisions
    if not decisions:
        return {}
    found = {f"p_{path}": decision.p for path, decision in decisions.items()}
    found |= {f"margin_{path}": decision.margin for path, decision in decisions.items()}
    shares = [list(d.probabilities.values()) for d in decisions.values() if d.probabilities]
    found["p_min"] = min(decision.p for decision in decisions.values())
    found["margin_min"] = min(decision.margin for decision in decisions.values())
    if shares:
        found["entropy_max"] = max(semantic_entropy(_normal(p)) for p in shares)
        found["num_candidates"] = float(max(sum(x >= CANDIDATE_P for x in p) for p in shares))
    sets = [d.prediction_set for d in decisions.values() if d.prediction_set is not None]
    if sets:
        found["set_size_max"] = float(max(map(len, sets)))
    stated = [max(d.scores) for d in decisions.values() if d.scores]
    if stated:
        found["perplexity"] = math.exp(min(50.0, -sum(stated) / len(stated)))
    return found


def _normal(p: Sequence[float]) -> list[float]:
    total = sum(p)
    return [x / total for x in p]


def _of_content(text: str, output: Mapping[str, Any]) -> dict[str, float]:
    values = [(name, value) for name, value in leaves(output)]
    folded = text.casefold()
    numbers = {n for _, value in values for n in _DIGITS.findall(str(value))}
    found = {
        "num_missing": float(sum(value in (None, "", [], {}) for value in output.values())),
        "num_unbound": float(sum(number not in folded for number in numbers)),
    }
    if isinstance(calls := output.get("calls"), list):
        names = [call["tool"] for call in calls]
        distinct = {canonical_json([call["tool"], call["arguments"]]) for call in calls}
        found["num_calls"] = float(len(calls))
        found["num_systems"] = float(len({name.partition(".")[0] for name in names}))
        found["num_repeated_calls"] = float(len(calls) - len(distinct))
    return found


def _of_agreement(
    output: Mapping[str, Any] | None,
    others: Sequence[Mapping[str, Any] | None],
    fields: Collection[str],
) -> dict[str, float]:
    """Compare the fields that were chosen; where none was, whole outputs."""

    def text(one: Mapping[str, Any] | None) -> str:
        if one is None or not fields:
            return canonical_json(one)
        return canonical_json({name: one.get(name) for name in sorted(fields)})

    said, texts = text(output), [text(other) for other in others]
    everything = [said, *texts]
    shares = [everything.count(one) / len(everything) for one in set(everything)]
    return {
        "disagreement": sum(other != said for other in texts) / len(texts),
        "answer_entropy": semantic_entropy(shares),
    }


def loss_if_wrong(answer: Answer, costs: ErrorCost | None) -> float | None:
    """Return the expected error cost of an answer given that it is wrong, in USD.

    The mean over the other values of the priced field, weighted by their probabilities: so a
    confusion that costs nothing weighs nothing. None where nothing is priced or known.
    """
    if costs is None or answer.output is None or costs.field not in answer.decisions:
        return None
    said = answer.output.get(costs.field)
    p = answer.decisions[costs.field].probabilities
    others = {json.loads(key): share for key, share in p.items() if json.loads(key) != said}
    total = sum(others.values())
    if total <= 0.0:
        return None
    answered = as_text(said)
    priced = sum(s * costs.cost_usd(as_text(true), answered) for true, s in others.items())
    return priced / total
