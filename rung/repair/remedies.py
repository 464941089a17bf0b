"""Which rung to try next on a cluster: one table of rules, read from the top, the first that fits.

The order is that of cost and of what was measured to work: labels before training, shape and code
before examples, examples before weights, contrast and reward only on what was trained (methods 6.3
and 9). A rule gives its reason in words. It recommends; the ladder measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rung.repair.records import SUSPECT, TRAINING, UNANSWERED, Remedy, Rung
from rung.routes.route import Route
from rung.stats.intervals import wilson
from rung.train.plan import MIN_EXAMPLES, PASS_RATES

MIN_SAMPLES = 4
"""Samples an example needs before its pass rate means something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a cluster, its route and the data near it."""

    cause: str
    num: int
    in_world: bool
    num_reference: int
    num_reference_met: int
    p_pass: float
    """Mean share of an example's samples that were strict."""
    num_samples: int
    num_train: int
    """Train examples of the same cells."""
    generates: bool
    """Whether the task can make more of them."""
    num_conflicts: int
    """Misses beside a train example that says nearly the same and is labelled as the route said."""
    route: Route | None = None

    @property
    def reference_fails(self) -> bool:
        """Whether the reference surely misses most of them, too."""
        known = self.num_reference
        return known > 0 and wilson(self.num_reference_met, known)[1] < 0.5

    @property
    def reference_helps(self) -> bool:
        """Whether the reference meets most of them."""
        return self.num_reference > 0 and 2 * self.num_reference_met >= self.num_reference

    @property
    def lacks_form(self) -> bool:
        """Whether the answer's shape was left to the model, as far as is known."""
        if self.route is None:
            return False
        agent = self.route.agent
        return self.route.output in ("blank", "json") or (
            agent is not None and agent.loop == "text"
        )

    @property
    def lacks_guards(self) -> bool:
        """Whether writes in a world were not checked, as far as is known."""
        agent = self.route.agent if self.route else None
        return self.in_world and not (agent and agent.guards)

    @property
    def lacks_shots(self) -> bool:
        """Whether a model answered without being shown solved examples, or trained on them."""
        if self.route is None or not self.route.model or self.route.head or self.is_trained:
            return False
        agent = self.route.agent
        return (agent.num_shots if agent else self.route.num_shots) == 0

    @property
    def is_trained(self) -> bool:
        """Whether weights were trained already."""
        return self.route is not None and bool(self.route.adapter)

    @property
    def sometimes_right(self) -> bool:
        """Whether repeated samples differ enough for contrast or reward to teach something."""
        low, high = PASS_RATES
        return self.num_samples >= MIN_SAMPLES and low < self.p_pass < high

    @property
    def enough_to_train(self) -> bool:
        """Whether there are, or can be made, examples to train on."""
        return self.generates or self.num_train >= MIN_EXAMPLES


Rule = tuple[Callable[[Evidence], bool], Rung, Callable[[Evidence], str]]

RULES: tuple[Rule, ...] = (
    (
        lambda e: e.cause == SUSPECT,
        "gold is wrong",
        lambda e: (
            "route, reference and the nearest train labels agree against the label: read these"
            " labels before anything is trained on them"
        ),
    ),
    (
        lambda e: e.cause == UNANSWERED,
        "ask again",
        lambda e: (
            "nobody answered: the model was out of reach or refused the request, which says nothing"
            " of the route; the same command asks only what has no answer yet"
        ),
    ),
    (
        lambda e: e.cause in ("malformed", "truncated") and e.lacks_form,
        "form",
        lambda e: "the shape was left to the model: a form writes it and cannot be malformed",
    ),
    (
        lambda e: e.cause == "truncated",
        "rule",
        lambda e: "a limit ended the work: raise max_tokens, max_steps or the context first",
    ),
    (
        lambda e: e.cause == "abstained",
        "escalate",
        lambda e: "the route knew that it could not: hand these over" + _reference(e),
    ),
    (
        lambda e: e.cause in ("forbidden", "over_action", "wrong_entity") and e.lacks_guards,
        "rule",
        lambda e: (
            "no guards that are known of: code blocks writes whose ids were never shown, at no cost"
        ),
    ),
    (
        lambda e: 2 * e.num_conflicts >= e.num,
        "relabel",
        lambda e: (
            f"beside {e.num_conflicts} of them train has nearly the same text with the route's"
            " value: settle what divides them, then relabel"
        ),
    ),
    (
        lambda e: e.reference_fails and not e.in_world,
        "relabel",
        lambda e: (
            f"the reference meets only {e.num_reference_met} of {e.num_reference}: the"
            " instruction or the labels may not say what divides them"
        ),
    ),
    (
        lambda e: e.is_trained and e.sometimes_right and e.in_world,
        "rl",
        lambda e: (
            f"trained, and {e.p_pass:.0%} of the samples are right: reward by the world's"
            " scorer can tell them apart"
        ),
    ),
    (
        lambda e: e.is_trained and e.sometimes_right,
        "dpo",
        lambda e: (
            f"trained, and {e.p_pass:.0%} of the samples are right: its own right and wrong"
            " answers make pairs"
        ),
    ),
    (
        lambda e: e.lacks_shots and e.num_train > 0,
        "example",
        lambda e: f"train has {e.num_train} solved examples like these and the route shows none",
    ),
    (
        lambda e: e.num >= 2 and e.enough_to_train,
        "sft",
        lambda e: (
            (
                "variants can be made, each with a verified solution"
                if e.generates
                else f"train has {e.num_train} examples like these"
            )
            + (", and one round of training left them" if e.is_trained else "")
        ),
    ),
    (
        lambda e: e.reference_helps,
        "escalate",
        lambda e: f"train has only {e.num_train} examples like these" + _reference(e),
    ),
    (
        lambda e: True,
        "example",
        lambda e: f"train has {e.num_train} examples like these: add labelled ones before training",
    ),
)


def recommend(evidence: Evidence) -> Remedy:
    """Return the first rule's rung that fits, with its reason."""
    rung, reason = next((rung, reason) for fits, rung, reason in RULES if fits(evidence))
    trains_later = rung in (*TRAINING, "example", "escalate") and evidence.cause != "abstained"
    lacking = tuple(_lacking(evidence, rung)) if trains_later else ()
    return Remedy(rung=rung, reason=reason(evidence), lacking=lacking)


def _lacking(e: Evidence, rung: Rung) -> Iterator[str]:
    """Yield what methods of training that were not recommended need of data, and what there is."""
    if not e.enough_to_train:
        yield f"sft needs {MIN_EXAMPLES} train examples like these, there are {e.num_train}"
    if not e.is_trained or rung in ("dpo", "rl"):
        return
    needs = "rl needs" if e.in_world else "dpo needs"
    low, high = PASS_RATES
    if e.num_samples < MIN_SAMPLES:
        yield (
            f"{needs} {MIN_SAMPLES} samples of an example to tell right answers from wrong ones,"
            f" there are {e.num_samples} (rung run --samples {MIN_SAMPLES} --temperature 0.7)"
        )
    elif not e.sometimes_right:
        yield f"{needs} {low:.0%} to {high:.0%} of the samples right, {e.p_pass:.0%} are"


def _reference(e: Evidence) -> str:
    met = f"; the reference meets {e.num_reference_met} of {e.num_reference}"
    return met if e.num_reference else ""
