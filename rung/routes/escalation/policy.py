"""What serving needs to know when to escalate: rules, one handover a stage, and a person if any.

An artifact that a cascade route names by its hash: rules as they were when it was fitted (an edited
file takes effect at the next fit), doubt of each stage, thresholds with what they promise. Fitting
is in `fit.py`, serving in `cascade.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rung.core.errors import ConfigError
from rung.core.hashing import canonical_json
from rung.routes.escalation.complexity import ESCALATE_FROM
from rung.routes.escalation.doubt import Doubt
from rung.routes.escalation.rules import Condition, Rule, Rules
from rung.routes.escalation.rules_file import rules_from, rules_to
from rung.stats.decisions import escalation_threshold
from rung.stats.risk import Certified

_KIND = "escalation policy, version 1"
NEVER = 1e12
"""A threshold that no score passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """When a stage hands a request to the next: its score is above the threshold.

    The score is what escalating is expected to save: how much likelier the stage is wrong than the
    next one, times what an error costs.
    """

    doubt: Doubt
    next_doubt: Doubt
    """Of the next stage, from the same signals."""
    error_usd: float = 1.0
    """What an error costs where the answer does not tell."""
    threshold: float = NEVER
    certified: Certified | None = None
    """What the threshold promises; None: it was chosen by cost and promises nothing."""

    def score(self, signals: Mapping[str, float]) -> float:
        """Return the expected saving, in USD (or in errors, where `error_usd` is 1)."""
        gain = self.doubt.p_error(signals) - self.next_doubt.p_error(signals)
        return gain * self._loss_usd(signals)

    def p_allowed(self, signals: Mapping[str, float]) -> float:
        """Return the probability of error up to which the answer stands: the threshold as people
        read it."""
        loss_usd = self._loss_usd(signals)
        if self.threshold < 0.0 and loss_usd <= 0.0:
            return 0.0
        allowed = escalation_threshold(
            strong_error_p=self.next_doubt.p_error(signals),
            extra_cost_usd=self.threshold,
            error_cost_usd=loss_usd,
        )
        return max(0.0, allowed)

    def _loss_usd(self, signals: Mapping[str, float]) -> float:
        return signals.get("loss_if_wrong_usd", self.error_usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """People who take what is left: assumed, not measured."""

    minutes: float = 5.0
    """Of work on one request; the price row `person` says what an hour costs."""
    p_error: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When each stage of a cascade hands on."""

    rules: Rules = Rules()
    handovers: tuple[Handover, ...]
    """One for each stage that has one after it, a person included."""
    person: Person | None = None

    def to_bytes(self) -> bytes:
        """Serialise; equal policies give equal bytes."""
        data: dict[str, Any] = {
            "kind": _KIND,
            "rules": rules_to(self.rules),
            "handovers": [_to_json(handover) for handover in self.handovers],
            "person": None if self.person is None else asdict(self.person),
        }
        return canonical_json(data).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Policy:
        """Rebuild a policy; raises ConfigError when the bytes are anything else."""
        try:
            read = json.loads(data)
            if read["kind"] != _KIND:
                raise ValueError(f"kind {read['kind']!r}")
            return cls(
                rules=rules_from(read["rules"], "a stored policy"),
                handovers=tuple(map(_from_json, read["handovers"])),
                person=None if read["person"] is None else Person(**read["person"]),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError(
                f"an artifact is no {_KIND}: {error}", hint="rung route NAME fit makes a new one"
            ) from None


def _to_json(handover: Handover) -> dict[str, Any]:
    certified = handover.certified
    return {
        "doubt": handover.doubt.to_json(),
        "next_doubt": handover.next_doubt.to_json(),
        "error_usd": handover.error_usd,
        "threshold": handover.threshold,
        "certified": None if certified is None else asdict(certified),
    }


def _from_json(data: Mapping[str, Any]) -> Handover:
    certified = data["certified"]
    return Handover(
        doubt=Doubt.from_json(data["doubt"]),
        next_doubt=Doubt.from_json(data["next_doubt"]),
        error_usd=float(data["error_usd"]),
        threshold=float(data["threshold"]),
        certified=None if certified is None else Certified(**certified),
    )


def cold_start(person: Person | None = None) -> Policy:
    """Return the policy for a task without labelled rows: hand on what looks complex."""
    rule = Rule(
        id="complex",
        when=(Condition(signal="complexity", sign=">=", value=ESCALATE_FROM),),
    )
    nothing = Doubt(intercept=0.0)
    return Policy(
        rules=Rules(rules=(rule,)),
        handovers=(Handover(doubt=nothing, next_doubt=nothing),),
        person=person,
    )
