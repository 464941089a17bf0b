"""What an answer cost, whoever took part in it: its own model, a stronger one, a cascade's stages.

Tokens and seconds are kept with the answer and priced when they are asked for, so that a changed
price table needs no new answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rung.core.records import Usage
from rung.engines.open import price_of_model
from rung.engines.prices import Price, cost_usd, price_of
from rung.routes.route import Route, models_of

if TYPE_CHECKING:
    from rung.routes.runtime import Answer

PERSON = "person"
"""In place of a model: somebody answers. Its price row says what an hour costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one stage took, or one of two models."""

    model: str
    """Empty where no model was asked; `person` for somebody's working time."""
    usage: Usage = field(default_factory=Usage)
    latency_ms: float = 0.0
    """Of a stage whose engine worked on several answers at once, its share of the time."""


def is_timed(route: Route) -> bool:
    """Return whether some of what an answer costs is the time of a machine."""
    models = [model for part in route.stages for model in models_of(part)] or models_of(route)
    return any(price_of_model(model).usd_per_hour is not None for model in models)


def spent_on(model: str, found: Answer) -> tuple[Spent, ...]:
    """Return what an answer of this model took; of a cascade what its stages took."""
    own = Spent(model=model, usage=found.usage, latency_ms=found.latency_ms * found.share)
    return found.spent or (own,)


def answer_cost_usd(price: Price, found: Answer) -> float:
    """Return what an answer cost; `price` is that of its route's model."""
    if not found.spent:
        return cost_usd(price, found.usage, found.latency_ms * found.share)
    return sum(_cost_usd(one, found.share) for one in found.spent)


def spent_usd(found: Answer) -> dict[str, float]:
    """Return what each model cost, where others than the route's own took part."""
    paid: dict[str, float] = {}
    for one in found.spent:
        paid[one.model] = paid.get(one.model, 0.0) + _cost_usd(one, found.share)
    return paid


def by_person(found: Answer) -> bool:
    """Return whether a person was left to give the answer."""
    return bool(found.spent) and found.spent[-1].model == PERSON


def _cost_usd(one: Spent, share: float) -> float:
    return cost_usd(_price(one.model), one.usage, one.latency_ms * share)


def _price(model: str) -> Price:
    return price_of(PERSON) if model == PERSON else price_of_model(model)
