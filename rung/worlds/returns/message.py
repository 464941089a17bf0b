"""What one message says, and the shape it comes in: mail, web form, chat, note of a call.

Facts of the answer leave a phrase in the text; everything else is chatter, some of it on purpose
misleading: what a writer rules out, another order that is fine. Which phrases a split may use is
the generator's matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from rung.worlds import noise
from rung.worlds.orders.bank import load as load_orders
from rung.worlds.returns.bank import Bank, Family, Phrases

P_ORDER, P_OTHER_ORDER, P_UNKNOWN, P_PRICE = 0.9, 0.03, 0.5, 0.4
P_OPENER, P_ASIDE, P_DENY, P_REQUEST = 0.35, 0.5, 0.15, 0.4
P_SUM_UP, P_ASK = 0.8, 0.6
P_SUBJECT_REASON, P_SUBJECT_ORDER, P_FOREIGN = 0.5, 0.2, 0.1
_SLOT = re.compile(r"\{(\w+)\}")
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_KNOWS_NO_PRICE = ("gift",)
_SMALL = ("two", "three", "four", "five", "six", "seven")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The lines a split may use to tell facts."""

    told: Phrases
    unknown: Phrases
    other: Phrases
    price: Phrases
    denies: Mapping[str, Phrases]
    says: Mapping[str, Phrases]
    asks: Mapping[str, Phrases]


@dataclass(slots=True)
class Draft:
    """One message in the making; a slot's value is drawn once and then stays."""

    random: Random
    bank: Bank
    family: Family
    values: dict[str, str] = field(default_factory=dict)

    def fill(self, phrase: str) -> str:
        """Return the phrase with every `{slot}` replaced; an unknown slot raises KeyError."""
        return _SLOT.sub(lambda match: self._value(match[1]), phrase)

    def tells(self, name: str) -> str | None:
        """Return the value of a slot that was used, else None."""
        return self.values.get(name)

    def _value(self, name: str) -> str:
        if name not in self.values:
            self.values[name] = _MADE[name](self)
        return self.values[name]

    def good(self) -> str:
        """Return an article of the family's trades."""
        trade = self.random.choice(self.family.goods)
        return self.random.choice(self.bank.goods[trade])


def _other(draft: Draft) -> str:
    item = draft.fill("{item}")
    trade = next(goods for goods in draft.bank.goods.values() if item in goods)
    return draft.random.choice([good for good in trade if good != item])


def _plural(name: str) -> str:
    return name.replace("pair of", "pairs of") if name.startswith("pair of") else f"{name}s"


def _order(draft: Draft) -> str:
    letters = "".join(draft.random.choices(_LETTERS, k=2))
    return f"{letters}-{draft.random.randrange(100_000, 1_000_000)}"


def _price(draft: Draft) -> str:
    whole = draft.random.randrange(9, 240)
    return f"${whole}" if draft.random.random() < 0.3 else f"${whole}.{draft.random.choice(_CENTS)}"


def _name(draft: Draft) -> str:
    culture = draft.random.choice(load_orders().cultures)
    return f"{draft.random.choice(culture.first)} {draft.random.choice(culture.last)}"


_CENTS = ("90", "95", "99", "50", "00", "49")
_MADE: dict[str, Callable[[Draft], str]] = {
    "item": Draft.good,
    "items": lambda draft: _plural(draft.fill("{item}")),
    "other": _other,
    "others": lambda draft: _plural(draft.fill("{other}")),
    "id": _order,
    "id2": _order,
    "price": _price,
    "name": _name,
    "weeks": lambda draft: draft.random.choice(_SMALL),
    "months": lambda draft: draft.random.choice(_SMALL),
}


def tell(draft: Draft, wording: str, lines: Lines, *, talkative: float) -> list[str]:
    """Return the sentences of the message in reading order, filled.

    `talkative` (0 to 1) scales what is said that no answer depends on.
    """
    random, chatter = draft.random, draft.bank.chatter
    facts = []
    if random.random() < P_ORDER:
        facts.append(random.choice(lines.told))
        if random.random() < P_OTHER_ORDER:
            facts.append(random.choice(lines.other))
    elif random.random() < P_UNKNOWN:
        facts.append(random.choice(lines.unknown))
    if draft.family.reason not in _KNOWS_NO_PRICE and random.random() < P_PRICE:
        facts.append(random.choice(lines.price))
    around = [] if random.random() >= P_ASIDE * talkative else [random.choice(chatter["aside"])]
    around += _denial(draft, lines)
    random.shuffle(around)
    summed_up = (
        [] if random.random() >= P_SUM_UP else [random.choice(lines.says[draft.family.reason])]
    )
    body = [*summed_up, wording] if random.random() < 0.25 else [wording, *summed_up]
    body += around
    body = [*facts, *body] if random.random() < 0.3 else [*body, *facts]
    first = [] if random.random() >= P_OPENER * talkative else [random.choice(chatter["opener"])]
    last = []
    if random.random() < P_ASK:
        last = [random.choice(lines.asks[draft.family.reason])]
    elif random.random() < P_REQUEST:
        last = [random.choice(chatter["request"])]
    return [_upper(draft.fill(part)) for part in (*first, *body, *last)]


def _denial(draft: Draft, lines: Lines) -> list[str]:
    """Rule out a reason that it is not; who writes of several things rules out none."""
    own = draft.family.reason
    if own not in lines.denies or draft.random.random() >= P_DENY:
        return []
    others = [reason for reason in lines.denies if reason not in _NOT_DENIED.get(own, (own,))]
    return [draft.random.choice(lines.denies[draft.random.choice(others)])]


_NOT_DENIED = {
    "wrong_size": ("wrong_size",),
    "changed_mind": ("changed_mind", "gift"),
    "defective": ("defective",),
    "shipping_damage": ("shipping_damage", "defective"),
    "gift": ("gift", "changed_mind"),
}
"""What a writer of each reason would not say is not so."""


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def write_mail(draft: Draft, sentences: list[str]) -> str:
    """Set the message as a mail with subject, greeting and signature."""
    random, chatter = draft.random, draft.bank.chatter
    text = _paragraphs(sentences, random)
    text = noise.foreign(text, random) if random.random() < P_FOREIGN else text
    name = draft.fill("{name}")
    end = f"{random.choice(chatter['closing'])}\n{random.choice((name, name.split()[0]))}"
    if random.random() < 0.12:
        end = random.choice(chatter["footer"])
    greeting = random.choice(chatter["greeting"])
    return f"Subject: {_subject(draft)}\n\n{greeting}\n{noise.type_out(text, random)}\n{end}"


def write_form(draft: Draft, sentences: list[str]) -> str:
    """Set the message as an entry of the web form."""
    rows = [f"Name: {draft.fill('{name}')}", f"Topic: {_subject(draft)}"]
    if draft.random.random() < 0.5:
        rows.reverse()
    return "\n".join((*rows, f"Message: {noise.type_out(' '.join(sentences), draft.random)}"))


def write_chat(draft: Draft, sentences: list[str]) -> str:
    """Set the message as lines of a chat."""
    random, chatter = draft.random, draft.bank.chatter
    text = noise.shorten(" ".join(sentences), random)
    text = noise.lower_leads(text) if random.random() < 0.7 else text
    text = noise.type_out(text, random, p_clean=0.45)
    start, end = random.choice(chatter["chat_start"]), random.choice(chatter["chat_end"])
    return f"{start}{random.choice((', ', chr(10)))}{text} {end}".rstrip()


def write_note(draft: Draft, sentences: list[str]) -> str:
    """Set the message as the note of a telephone call."""
    name = draft.fill("{name}")
    start = draft.random.choice((f"Phone, {name}:", f"Call from {name}:", f"{name} called. Says:"))
    return f'{start} "{noise.type_out(" ".join(sentences), draft.random)}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One shape of a message."""

    write: Callable[[Draft, list[str]], str]
    share: float
    """Share of all messages; the shares of all shapes add up to 1."""
    talkative: float


SHAPES: tuple[Shape, ...] = (
    Shape(write=write_mail, share=0.5, talkative=1.0),
    Shape(write=write_form, share=0.2, talkative=0.6),
    Shape(write=write_chat, share=0.22, talkative=0.4),
    Shape(write=write_note, share=0.08, talkative=0.5),
)


def _subject(draft: Draft) -> str:
    random = draft.random
    if draft.tells("id") and random.random() < P_SUBJECT_ORDER:
        return draft.fill(random.choice(("Order {id}", "Re: order {id}", "{id}")))
    if random.random() < P_SUBJECT_REASON:
        return draft.fill(random.choice(draft.bank.subjects[draft.family.reason]))
    return draft.fill(random.choice(_GENERAL))


_GENERAL = (
    "Return",
    "My order",
    "{item}",
    "Question",
    "Return request",
    "Help please",
    "Order",
    "",
)


def _paragraphs(sentences: list[str], random: Random) -> str:
    if len(sentences) > 3 and random.random() < 0.4:
        at = random.randrange(1, len(sentences))
        return f"{' '.join(sentences[:at])}\n\n{' '.join(sentences[at:])}"
    return " ".join(sentences)
