"""What one ticket says: draws the facts of a situation and tells them in sentences.

The facts decide the labels (labels.py) and every drawn fact leaves a phrase in the text. Layout
(mail, chat, form) and typing errors come later, in styles.py and noise.py.
"""

from __future__ import annotations

from random import Random

from rung.worlds.helpdesk.categories import SECURITY
from rung.worlds.helpdesk.labels import Cue, Facts
from rung.worlds.helpdesk.phrases import Bank, Family, Slots

P_SECOND, P_UNCLEAR, P_REPEATED, P_APPROVED = 0.09, 0.07, 0.07, 0.45
P_HINT, P_FINE, P_TRIED, P_OPENER, P_ASIDE, P_REQUEST = 0.35, 0.25, 0.3, 0.25, 0.3, 0.5
P_TOPIC, P_OWN_REQUEST = 0.75, 0.75

_CUES: dict[str, tuple[tuple[Cue, ...], tuple[float, ...]]] = {
    "minor": (("", "no_rush", "workaround"), (0.6, 0.25, 0.15)),
    "me": (
        ("", "stopped", "hard_stop", "due_today", "workaround", "no_rush"),
        (0.42, 0.13, 0.07, 0.13, 0.1, 0.15),
    ),
    "shared": (
        ("", "team", "site", "due_today", "workaround", "no_rush"),
        (0.38, 0.24, 0.08, 0.08, 0.08, 0.14),
    ),
    "ask": (("", "due_today", "due_week", "no_rush"), (0.42, 0.18, 0.2, 0.2)),
    "question": (("", "due_today", "no_rush"), (0.7, 0.12, 0.18)),
}


def draw_facts(family: Family, random: Random) -> Facts:
    """Draw what a ticket of this family says beyond the problem itself."""
    cue: Cue = ""
    if not family.priority:
        cues, weights = _CUES[family.scope if family.kind == "break" else family.kind]
        cue = random.choices(cues, weights)[0]
    extra = family.category != SECURITY and family.scope != "site"
    return Facts(
        category=family.category,
        kind=family.kind,
        inherent=family.priority,
        cue=cue,
        human=family.human,
        approved=family.human == "approval" and random.random() < P_APPROVED,
        second_problem=extra and random.random() < P_SECOND,
        unclear=extra
        and family.kind == "break"
        and not (family.known or family.alone)
        and random.random() < P_UNCLEAR,
        repeated=extra
        and family.kind != "question"
        and not family.priority
        and random.random() < P_REPEATED,
    )


def tell(
    family: Family,
    wording: str,
    facts: Facts,
    slots: Slots,
    *,
    topics: tuple[str, ...],
    talkative: float,
    spoken: bool,
) -> list[str]:
    """Return the sentences of the ticket, in reading order.

    `topics` are the remarks of the category it may use, `talkative` (0 to 1) scales how much is
    said that no label depends on, and `spoken` leaves out what only fits a written message.
    """
    random, chatter = slots.random, slots.bank.chatter
    first = [] if spoken else _chance(random, P_OPENER * talkative, chatter["opener"])
    guess = _guess(family, facts, slots)
    decisive = _decisive(facts, slots)
    around = _around(family, slots, topics, talkative)
    if not spoken:
        around += _chance(random, P_ASIDE * talkative, chatter["aside"])
    random.shuffle(around)
    told = [*guess, wording] if random.random() < 0.4 else [wording, *guess]
    told += [*decisive, *around] if random.random() < 0.3 else [*around, *decisive]
    last = _request(family, slots, talkative)
    if facts.second_problem:
        side = _side_problem(family, slots)
        if random.random() < 0.35:
            first.append(random.choice(chatter["second_first"]).replace("{also}", side))
        else:
            last.append(random.choice(chatter["second"]).replace("{also}", side))
    return [_sentence(slots.fill(part)) for part in (*first, *told, *last)]


def _guess(family: Family, facts: Facts, slots: Slots) -> list[str]:
    random, bank = slots.random, slots.bank
    if facts.unclear:
        return [random.choice(bank.chatter["unclear"])]
    if family.known or family.scope == "site" or not _fits(family, slots):
        return []
    return _chance(random, P_HINT, bank.categories[family.category].hint)


def _around(family: Family, slots: Slots, topics: tuple[str, ...], talkative: float) -> list[str]:
    """Say what surrounds the problem: remarks on the topic, attempts, things that work."""
    random, bank = slots.random, slots.bank
    category = bank.categories[family.category]
    if family.scope == "site" or not _fits(family, slots):
        return []
    lines = _chance(random, P_TOPIC, topics)
    if family.known or family.scope == "shared" or family.kind != category.kinds[0]:
        return lines
    lines += _chance(random, P_TRIED * talkative, category.tried)
    if category.fine and random.random() < P_FINE * talkative:
        lines.append(random.choice(bank.fine[random.choice(category.fine)]))
    return lines


def _fits(family: Family, slots: Slots) -> bool:
    """Return whether the category's own lines go with this family."""
    return not family.alone and family.kind in slots.bank.categories[family.category].kinds


def _decisive(facts: Facts, slots: Slots) -> list[str]:
    """Say what the labels depend on."""
    random, bank = slots.random, slots.bank
    lines = []
    if facts.repeated:
        lines.append(random.choice(bank.chatter["repeat_ask" if facts.kind == "ask" else "repeat"]))
    if facts.approved:
        lines.append(random.choice(bank.chatter["approved"]))
    elif facts.human == "approval":
        lines += _chance(random, 0.4, bank.chatter["not_approved"])
    if facts.cue:
        asked = bank.cue.get(f"{facts.cue}_ask") if facts.kind == "ask" else None
        lines.append(random.choice(asked or bank.cue[facts.cue]))
    return lines


def _request(family: Family, slots: Slots, talkative: float) -> list[str]:
    random, bank = slots.random, slots.bank
    if _fits(family, slots) and random.random() < P_OWN_REQUEST:
        return [random.choice(bank.categories[family.category].request)]
    return _chance(random, P_REQUEST * talkative, bank.chatter[f"request_{family.kind}"])


def _side_problem(family: Family, slots: Slots) -> str:
    others = [name for name in _with_side_problems(slots.bank) if name != family.category]
    return slots.random.choice(slots.bank.categories[slots.random.choice(others)].also)


def _with_side_problems(bank: Bank) -> list[str]:
    return [name for name, category in bank.categories.items() if category.also]


def _chance(random: Random, p: float, phrases: tuple[str, ...]) -> list[str]:
    return [random.choice(phrases)] if random.random() < p else []


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
