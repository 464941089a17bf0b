"""Write helpdesk tickets with known labels, in three splits.

What a split may tell is dealt in `worlds/deal.py`, category by category. A group is one family
within one split: tickets of a group tell the same situation.

Tickets are ordered so that every prefix of a split has nearly the same class mix. The same
arguments give the same tickets; another seed gives others. Sizes are not nested: train of 600 is no
prefix of train of 700.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from rung.core.records import Split
from rung.core.seeds import stream
from rung.tasks.task import Example
from rung.worlds.deal import (
    choose,
    deal_phrases,
    deal_wordings,
    mix,
    share_out,
    write_splits,
)
from rung.worlds.helpdesk.categories import CATEGORIES
from rung.worlds.helpdesk.labels import Facts, needs_human, priority
from rung.worlds.helpdesk.phrases import Family, Slots, load
from rung.worlds.helpdesk.story import draw_facts, tell
from rung.worlds.helpdesk.styles import STYLES

_STYLE_SHARES = tuple(style.share for style in STYLES)
Told = tuple[Family, str, tuple[str, ...]]
"""A family, the wording to tell it in, and the remarks its category may use in the split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A written ticket and what went into it."""

    family: Family
    wording: str
    facts: Facts
    slots: Slots
    text: str


def generate(
    *, num_train: int = 600, num_dev: int = 150, num_holdout: int = 300, seed: int = 0
) -> dict[Split, list[Example]]:
    """Return the examples of each split, keyed `train`, `dev` and `holdout`.

    Raises ConfigError when a size is negative.
    """

    def write(split: Split, size: int, start: int) -> list[Example]:
        told = plan(split, size, {category.id: category.share for category in CATEGORIES}, seed)
        random = stream(seed, "helpdesk", split, "tickets")
        return [
            _example(tell_ticket(one, random), split, f"hd-{start + i:06d}", random)
            for i, one in enumerate(told)
        ]

    return write_splits(num_train, num_dev, num_holdout, write)


def plan(
    split: Split, size: int, shares: Mapping[str, float], seed: int, *, task: str = "helpdesk"
) -> list[Told]:
    """Return what each ticket of a split tells, with these shares of the categories.

    Wordings are dealt to the splits alike for every task made of these phrases.
    """
    random = stream(seed, task, split, "order")
    classes: list[tuple[float, list[Told]]] = []
    for category, count in zip(shares, share_out(size, list(shares.values())), strict=True):
        phrases = load().categories[category]
        dealer = stream(seed, "helpdesk", "plan", category)
        topics = deal_phrases(phrases.topic, split, dealer)
        wordings = deal_wordings(phrases.families, split, dealer)
        offset = random.random()
        told = choose(wordings, count, random)
        classes.append((offset, [(family, wording, topics) for family, wording in told]))
    return mix(classes)


def tell_ticket(told: Told, random: Random) -> Ticket:
    """Write one ticket."""
    family, wording, topics = told
    facts = draw_facts(family, random)
    slots = Slots(random=random, bank=load())
    style = random.choices(STYLES, _STYLE_SHARES)[0]
    sentences = tell(
        family,
        wording,
        facts,
        slots,
        topics=topics,
        talkative=style.talkative,
        spoken=style.spoken,
    )
    text = style.write(family, facts, sentences, slots)
    return Ticket(family=family, wording=wording, facts=facts, slots=slots, text=text)


def _example(ticket: Ticket, split: Split, id: str, random: Random) -> Example:
    family = ticket.family
    target = {
        "category": family.category,
        "priority": priority(ticket.facts),
        "needs_human": needs_human(ticket.facts),
        "summary": ticket.slots.fill(random.choice(family.summary)),
    }
    group = f"{family.category}.{family.id}@{split}"
    return Example(id=id, input=ticket.text, target=target, group=group)
