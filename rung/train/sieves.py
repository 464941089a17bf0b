"""The sieves of curation: each a pure function from examples to what it keeps and drops.

`drift` brings targets of an older schema to the form; `conflict` sets equal inputs with different
targets aside; `duplicate` drops examples that say what another one says; `committee` what several
strong models do not agree on; `judge` what was rated too low; `noise` names labels that the other
examples speak against. In which order they run is decided in `curation.py`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from rung.core.errors import ConfigError
from rung.core.hashing import canonical_json
from rung.core.spelling import did_you_mean
from rung.forms import Form, parse_answer, violation
from rung.tasks.duplicates import Components, near_duplicates
from rung.tasks.fields import fold
from rung.tasks.task import Example
from rung.train.label_noise import find_suspects

Name = Literal["drift", "conflict", "duplicate", "committee", "judge", "noise"]
SIEVES: tuple[Name, ...] = get_args(Name)
_MAX_TEXT = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How strictly to choose; every sieve can be left out to measure what it does."""

    sieves: tuple[Name, ...] = SIEVES
    min_agreement: float = 2.0 / 3.0
    """Share of a committee that must say the same, the target included where there is one."""
    min_judged: float = 0.0
    """Rating below which an example is dropped; by the judge's own scale."""
    drop_noise: bool = False
    """Leave out suspected labels; else they are only reported. A sieve of this kind drops hard
    examples beside wrong ones, so it is a choice to be measured on dev."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigError for a sieve that does not exist or a share that is none."""
        for name in self.sieves:
            if name not in SIEVES:
                raise ConfigError(f"no sieve {name!r}", hint=did_you_mean(name, SIEVES))
        if not 0.0 < self.min_agreement <= 1.0:
            raise ConfigError(f"min_agreement is {self.min_agreement}, not above 0 and up to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """One example that is left out, or in the case of noise perhaps only reported."""

    example: str
    text: str
    """The start of its input."""
    detail: str
    """What speaks against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """What one sieve did."""

    sieve: Name
    num_in: int
    kept: tuple[Example, ...]
    dropped: tuple[Dropped, ...] = ()
    """For `noise` with `drop_noise` off: reported, and still kept."""
    num_changed: int = 0
    """Examples kept with another target: brought to the form, or labelled by the committee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinions:
    """What others say of the examples, by id; sieves without an opinion let everything pass."""

    committee: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """The outputs of several strong models."""
    judged: Mapping[str, float | None] = field(default_factory=dict)
    """A judge's rating of the target; None where it could not be read, which is no rating."""


def unify(target: Mapping[str, Any], form: Form) -> dict[str, Any] | None:
    """Return a target as the form spells it, None where its meaning does not fit.

    Names and labels may differ in case and separators, numbers may be text, extra names go.
    """
    if not violation(target, form):
        return dict(target)
    read = parse_answer(json.dumps(target), form)
    return read if isinstance(read, dict) and not violation(read, form) else None


def agreement(outputs: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], float]:
    """Return what most of the outputs say and their share, 0 to 1; of equals the first."""
    counts = Counter(same_target(output) for output in outputs)
    best, num = max(counts.items(), key=lambda item: item[1])
    said = next(output for output in outputs if same_target(output) == best)
    return dict(said), num / len(outputs)


def same_target(target: Mapping[str, Any]) -> str:
    """Return a text that is equal for targets that differ only in case and outer spaces."""
    return fold(canonical_json(target))


def _drift(
    examples: Sequence[Example], form: Form | None, rules: Rules, opinions: Opinions
) -> Sifted:
    kept, dropped, num_changed = [], [], 0
    for example in examples:
        target = unify(example.target, form) if form and example.target else example.target
        if target is None:
            problem = violation(example.target, form) if form else ""
            dropped.append(_drop(example, f"target does not fit the form: {problem}"))
            continue
        num_changed += target != example.target
        kept.append(replace(example, target=dict(target)))
    return Sifted(
        sieve="drift",
        num_in=len(examples),
        kept=tuple(kept),
        dropped=tuple(dropped),
        num_changed=num_changed,
    )


def _conflict(
    examples: Sequence[Example], form: Form | None, rules: Rules, opinions: Opinions
) -> Sifted:
    """Set aside all examples of an input that is labelled in more than one way."""
    said: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        if example.target:
            said[_asked(example)].add(same_target(example.target))
    return _sift(
        "conflict",
        examples,
        lambda one: (
            f"this input has {len(said[_asked(one)])} different targets"
            if len(said[_asked(one)]) > 1
            else ""
        ),
    )


def _duplicate(
    examples: Sequence[Example], form: Form | None, rules: Rules, opinions: Opinions
) -> Sifted:
    """Keep the first of examples that say nearly the same and have the same target.

    A near-duplicate with another target stays: one word may well decide.
    """
    joined = Components(len(examples))
    for tie in near_duplicates([example.said for example in examples]):
        joined.join(tie.first, tie.second)
    first: dict[tuple[int, str, str], str] = {}
    origins = [
        first.setdefault((joined.find(at), same_target(one.target), _state(one)), one.id)
        for at, one in enumerate(examples)
    ]
    of = {one.id: origin for one, origin in zip(examples, origins, strict=True)}
    return _sift(
        "duplicate",
        examples,
        lambda one: f"says what {of[one.id]!r} says" if of[one.id] != one.id else "",
    )


def _committee(
    examples: Sequence[Example], form: Form | None, rules: Rules, opinions: Opinions
) -> Sifted:
    """Keep what the committee agrees on; an example without a target takes the committee's."""
    kept, dropped, num_changed = [], [], 0
    for example in examples:
        outputs = opinions.committee.get(example.id, ())
        if not outputs:
            kept.append(example)
            continue
        said, share = agreement(outputs)
        agrees = not example.target or same_target(said) == same_target(example.target)
        if share < rules.min_agreement:
            dropped.append(_drop(example, f"only {share:.0%} of {len(outputs)} say the same"))
        elif not agrees:
            dropped.append(_drop(example, f"{share:.0%} of {len(outputs)} say {_short(said)}"))
        else:
            num_changed += not example.target
            kept.append(example if example.target else replace(example, target=said))
    return Sifted(
        sieve="committee",
        num_in=len(examples),
        kept=tuple(kept),
        dropped=tuple(dropped),
        num_changed=num_changed,
    )


def _judge(
    examples: Sequence[Example], form: Form | None, rules: Rules, opinions: Opinions
) -> Sifted:
    """Drop what was rated too low; once anything is rated, what has no rating is dropped too."""

    def against(example: Example) -> str:
        rating = opinions.judged.get(example.id)
        if rating is None:
            return "has no rating"
        return f"rated {rating:g}, below {rules.min_judged:g}" if rating < rules.min_judged else ""

    return _sift("judge", examples, against if opinions.judged else lambda _: "")


def _noise(
    examples: Sequence[Example], form: Form | None, rules: Rules, opinions: Opinions
) -> Sifted:
    """Report labels that the other examples speak against; drop them if the rules say so."""
    suspects = {one.example: one for one in reversed(find_suspects(examples, seed=rules.seed))}

    def against(example: Example) -> str:
        one = suspects.get(example.id)
        if one is None:
            return ""
        return (
            f"{one.field} {one.label} (p {one.p_label:.2f}) looks like {one.suggested}"
            f" (p {one.p_suggested:.2f})"
        )

    found = _sift("noise", examples, against)
    return found if rules.drop_noise else replace(found, kept=tuple(examples))


def _sift(sieve: Name, examples: Sequence[Example], against: Callable[[Example], str]) -> Sifted:
    """Keep the examples that nothing speaks against."""
    reasons = [(example, against(example)) for example in examples]
    return Sifted(
        sieve=sieve,
        num_in=len(examples),
        kept=tuple(example for example, reason in reasons if not reason),
        dropped=tuple(_drop(example, reason) for example, reason in reasons if reason),
    )


def _drop(example: Example, detail: str) -> Dropped:
    return Dropped(example=example.id, text=_short(example.input), detail=detail)


def _asked(example: Example) -> str:
    """Return what makes two inputs the same question: digits and punctuation count."""
    return fold(" ".join(example.input.split())) + "\n" + _state(example)


def _state(example: Example) -> str:
    """Return the state of the world that an example starts from, and what was said before."""
    state = [dict(example.setup), example.earlier]
    return canonical_json(state) if any(state) else ""


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else canonical_json(value)
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"


Sieve = Callable[[Sequence[Example], Form | None, Rules, Opinions], Sifted]
BY_NAME: Mapping[Name, Sieve] = {
    "drift": _drift,
    "conflict": _conflict,
    "duplicate": _duplicate,
    "committee": _committee,
    "judge": _judge,
    "noise": _noise,
}  # fmt: skip
