"""Write helpdesk tickets with known labels, in three splits.

Splits: within each category about a fifth of the families belong to the holdout alone and about a
seventh to dev alone; 40 % of a holdout or dev category is told from those, so it shows situations
that train never had. The rest comes from families that train has too, in wordings that no other
split uses. A group is one family within one split: tickets of a group tell the same situation.

Class counts follow the category shares exactly (largest remainder), and tickets are ordered so
that every prefix of a split has nearly the same class mix. The same arguments give the same
tickets; another seed gives others. Sizes are not nested: train of 600 is no prefix of train of 700.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from rung.core.errors import ConfigError
from rung.core.records import Split
from rung.core.seeds import stream
from rung.tasks.task import Example
from rung.worlds.helpdesk.categories import CATEGORIES
from rung.worlds.helpdesk.labels import needs_human, priority
from rung.worlds.helpdesk.phrases import Family, Slots, load
from rung.worlds.helpdesk.story import draw_facts, tell
from rung.worlds.helpdesk.styles import STYLES

SPLITS: tuple[Split, ...] = ("train", "dev", "holdout")
NEW_FAMILY_SHARE = 0.4
"""Share of each dev and holdout category told from families that train never has."""
_OWN_FAMILIES: dict[Split, float] = {"dev": 0.15, "holdout": 0.2}
_STYLE_SHARES = tuple(style.share for style in STYLES)


def generate(
    *, num_train: int = 600, num_dev: int = 150, num_holdout: int = 300, seed: int = 0
) -> dict[Split, list[Example]]:
    """Return the examples of each split, keyed `train`, `dev` and `holdout`.

    Raises ConfigError when a size is negative.
    """
    sizes: dict[Split, int] = {"train": num_train, "dev": num_dev, "holdout": num_holdout}
    for split, size in sizes.items():
        if size < 0:
            raise ConfigError(
                f"num_{split} is {size}, not a number of examples", hint="use 0 or more"
            )
    splits: dict[Split, list[Example]] = {}
    start = 0
    for split in SPLITS:
        splits[split] = _write_split(split, sizes[split], start, seed)
        start += sizes[split]
    return splits


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """The (family, wording) pairs and the remarks that one category may use in one split."""

    topics: tuple[str, ...]
    shared: tuple[tuple[Family, str], ...]
    new: tuple[tuple[Family, str], ...]


_Told = tuple[Family, str, tuple[str, ...]]


def _write_split(split: Split, size: int, start: int, seed: int) -> list[Example]:
    placed: list[tuple[float, _Told]] = []
    random = stream(seed, "helpdesk", split, "order")
    for category, count in zip(CATEGORIES, _counts(size), strict=True):
        plan = _plan(category.id, split, seed)
        offset = random.random()
        placed += [
            ((i + offset) / count, (family, wording, plan.topics))
            for i, (family, wording) in enumerate(_choose(plan, count, random))
        ]
    placed.sort(key=lambda item: item[0])
    random = stream(seed, "helpdesk", split, "tickets")
    return [
        _write(told, split, f"hd-{start + i:06d}", random) for i, (_, told) in enumerate(placed)
    ]


def _counts(size: int) -> list[int]:
    """Share `size` among the categories by largest remainder."""
    exact = [size * category.share for category in CATEGORIES]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: counts[i] - exact[i])
    for i in by_remainder[: size - sum(counts)]:
        counts[i] += 1
    return counts


def _plan(category: str, split: Split, seed: int) -> _Plan:
    random = stream(seed, "helpdesk", "plan", category)
    phrases = load().categories[category]
    topics = _part(phrases.topic, split, random)
    families = list(phrases.families)
    random.shuffle(families)
    own: dict[Split, list[Family]] = {}
    for name, share in _OWN_FAMILIES.items():
        cut = round(share * len(phrases.families))
        own[name], families = families[:cut], families[cut:]
    shared = []
    for family in families:
        shared += [(family, wording) for wording in _part(family.say, split, random)]
    new = [(family, wording) for family in own.get(split, []) for wording in family.say]
    return _Plan(topics=topics, shared=tuple(shared), new=tuple(new))


def _part(phrases: tuple[str, ...], split: Split, random: Random) -> tuple[str, ...]:
    """Return the phrases of this split: half for train, a quarter each for dev and holdout."""
    shuffled = random.sample(phrases, len(phrases))
    quarter = len(phrases) // 4
    cuts = {"dev": (0, quarter), "holdout": (quarter, 2 * quarter), "train": (2 * quarter, None)}
    low, high = cuts[split]
    return tuple(shuffled[low:high])


def _choose(plan: _Plan, count: int, random: Random) -> list[tuple[Family, str]]:
    num_new = round(count * NEW_FAMILY_SHARE) if plan.new else 0
    told = _cycle(plan.new, num_new, random) + _cycle(plan.shared, count - num_new, random)
    random.shuffle(told)
    return told


def _cycle(
    pairs: tuple[tuple[Family, str], ...], count: int, random: Random
) -> list[tuple[Family, str]]:
    """Take `count` pairs, each round in a new order, so that all are used about equally often."""
    taken: list[tuple[Family, str]] = []
    while len(taken) < count:
        taken += random.sample(pairs, len(pairs))
    return taken[:count]


def _write(told: _Told, split: Split, id: str, random: Random) -> Example:
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
    target = {
        "category": family.category,
        "priority": priority(facts),
        "needs_human": needs_human(facts),
        "summary": slots.fill(random.choice(family.summary)),
    }
    group = f"{family.category}.{family.id}@{split}"
    return Example(id=id, input=text, target=target, group=group)
