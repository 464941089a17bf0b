"""Write messages about returns with known answers, in three splits.

What a split may tell is dealt in `worlds/deal.py`, reason by reason: wordings, and the lines that
tell facts. A group is one family within one split. Every prefix of a split has nearly the same mix
of reasons; the same arguments give the same messages, another seed gives others.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from rung.worlds.returns.bank import Family, load
from rung.worlds.returns.message import SHAPES, Draft, Lines, tell
from rung.worlds.returns.reasons import REASONS

SHARES: Mapping[str, float] = {reason.id: reason.share for reason in REASONS}


def generate(
    *, num_train: int = 1200, num_dev: int = 300, num_holdout: int = 300, seed: int = 0
) -> dict[Split, list[Example]]:
    """Return the examples of each split, keyed `train`, `dev` and `holdout`.

    Raises ConfigError when a size is negative.
    """

    def write_split(split: Split, size: int, start: int) -> list[Example]:
        told = plan(split, size, SHARES, seed)
        random = stream(seed, "returns", split, "messages")
        lines = lines_of(split, seed)
        return [
            write(family, wording, lines, split, f"rt-{start + i:06d}", random)
            for i, (family, wording) in enumerate(told)
        ]

    return write_splits(num_train, num_dev, num_holdout, write_split)


def plan(
    split: Split, size: int, shares: Mapping[str, float], seed: int
) -> list[tuple[Family, str]]:
    """Return what each message of a split tells, with these shares of the reasons."""
    random = stream(seed, "returns", split, "order")
    classes = []
    for reason, count in zip(shares, share_out(size, list(shares.values())), strict=True):
        dealer = stream(seed, "returns", "plan", reason)
        wordings = deal_wordings(load().families[reason], split, dealer)
        offset = random.random()
        classes.append((offset, choose(wordings, count, random)))
    return mix(classes)


def lines_of(split: Split, seed: int) -> Lines:
    """Return the lines a split may tell facts with."""
    dealer, bank = stream(seed, "returns", "plan", "lines"), load()
    told = {name: deal_phrases(bank.order[name], split, dealer) for name in bank.order}
    return Lines(
        **told,
        price=deal_phrases(bank.price, split, dealer),
        asks={name: deal_phrases(bank.asks[name], split, dealer) for name in bank.families},
        says={name: deal_phrases(bank.says[name], split, dealer) for name in bank.families},
        denies={name: deal_phrases(bank.denies[name], split, dealer) for name in bank.denies},
    )


def write(
    family: Family, wording: str, lines: Lines, split: Split, id: str, random: Random
) -> Example:
    """Write one message and the answer it wants."""
    draft = Draft(random=random, bank=load(), family=family)
    shape = random.choices(SHAPES, [shape.share for shape in SHAPES])[0]
    text = shape.write(draft, tell(draft, wording, lines, talkative=shape.talkative))
    target = {
        "reason": family.reason,
        "order_id": draft.tells("id"),
        "price": draft.tells("price"),
    }
    return Example(id=id, input=text, target=target, group=f"{family.reason}.{family.id}@{split}")
