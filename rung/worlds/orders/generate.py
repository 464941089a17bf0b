"""Write order messages with known forms, in three splits.

What a split may tell is dealt in `worlds/deal.py`, kind by kind: wordings, and the lines that tell
left-out facts. A group is one family within one split: messages of a group tell the same situation.
People, companies and goods are shared by the splits.

Messages are ordered so that every prefix of a split has nearly the same mix of kinds. The same
arguments give the same messages; another seed gives others. Sizes are not nested.
"""

from __future__ import annotations

from functools import partial
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
from rung.worlds.orders.bank import Family, Kind, load
from rung.worlds.orders.order import draw_order, target
from rung.worlds.orders.slots import Slots
from rung.worlds.orders.story import Lines, tell, wanted_facts
from rung.worlds.orders.styles import STYLES, Style

SHARES: dict[Kind, float] = {
    "new_order": 0.34,
    "change": 0.2,
    "cancellation": 0.13,
    "question": 0.17,
    "complaint": 0.16,
}
"""Share of each kind; ours, not measured."""


def generate(
    *, num_train: int = 400, num_dev: int = 120, num_holdout: int = 250, seed: int = 0
) -> dict[Split, list[Example]]:
    """Return the examples of each split, keyed `train`, `dev` and `holdout`.

    Raises ConfigError when a size is negative.
    """
    return write_splits(num_train, num_dev, num_holdout, partial(_write_split, seed))


def _write_split(seed: int, split: Split, size: int, start: int) -> list[Example]:
    random = stream(seed, "orders", split, "order")
    classes = []
    for kind, count in zip(SHARES, share_out(size, list(SHARES.values())), strict=True):
        dealer = stream(seed, "orders", "plan", kind)
        wordings = deal_wordings(load().families[kind], split, dealer)
        offset = random.random()
        classes.append((offset, choose(wordings, count, random)))
    dealer = stream(seed, "orders", "plan", "details")
    lines = {key: deal_phrases(phrases, split, dealer) for key, phrases in load().details.items()}
    random = stream(seed, "orders", split, "messages")
    return [
        _write(family, wording, lines, split, f"or-{start + i:06d}", random)
        for i, (family, wording) in enumerate(mix(classes))
    ]


def _write(
    family: Family, wording: str, lines: Lines, split: Split, id: str, random: Random
) -> Example:
    order = draw_order(family, wording, load(), random)
    slots = Slots(
        random=random,
        bank=load(),
        order=order,
        wanted=wanted_facts(family, wording, random),
    )
    style = _draw_style(wording, random)
    told = tell(
        family,
        wording,
        slots,
        lines,
        talkative=style.talkative,
        has_subject=style.has_subject,
        spoken=style.spoken,
    )
    text = slots.settle(style.write(family, told, slots))
    return Example(
        id=id,
        input=text,
        target=target(order, slots.told),
        group=f"{family.kind}.{family.id}@{split}",
    )


def _draw_style(wording: str, random: Random) -> Style:
    """Draw a style; a list is never spoken."""
    fitting = [style for style in STYLES if not (style.spoken and "{block}" in wording)]
    return random.choices(fitting, [style.share for style in fitting])[0]
