"""What one message says: picks the facts to tell and puts them into sentences.

Every fact that is told stands in a phrase that names it; what is left out becomes null in the form.
Distractors (unit prices, other numbers, days and people) come from the `aside` lists and never fill
a field. Layout and typing errors come later, in styles.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from rung.worlds.orders.bank import Fact, Family, Kind
from rung.worlds.orders.slots import TELLS, Slots

Lines = Mapping[tuple[str, str], tuple[str, ...]]
"""The lists of `details.toml` that one split may use."""

_P_TOLD: dict[Kind, dict[Fact, float]] = {
    "new_order": {"quantity": 1.0, "total": 0.62, "date": 0.74},
    "change": {"order_id": 0.85, "quantity": 0.6, "total": 0.42, "date": 0.42},
    "cancellation": {"order_id": 0.85, "quantity": 0.6, "total": 0.5},
    "question": {"order_id": 0.8, "quantity": 0.6, "total": 0.35, "date": 0.5},
    "complaint": {"order_id": 0.85, "quantity": 0.65, "total": 0.42, "date": 0.5},
}
_P_ID_FIRST, _P_NO_ID, _P_SUBJECT_ID, _P_REQUEST, _P_OPENER = 0.3, 0.5, 0.4, 0.35, 0.3
_P_ASIDES = (0.32, 0.36, 0.22, 0.1)
"""Probabilities of 0, 1, 2 and 3 distractors for a talkative writer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The sentences of one message, in reading order."""

    before: tuple[str, ...]
    wording: str
    after: tuple[str, ...]
    subject_has_id: bool = False
    """The subject line has to tell the order number, the sentences do not."""

    @property
    def sentences(self) -> list[str]:
        """Return all of them."""
        return [*self.before, self.wording, *self.after]


def wanted_facts(family: Family, wording: str, random: Random) -> frozenset[Fact]:
    """Draw the facts that a message of this family tells, those of its wording included."""
    said = {fact for slot, fact in TELLS.items() if f"{{{slot}}}" in wording}
    drawn = {fact for fact, p in _P_TOLD[family.kind].items() if random.random() < p}
    if not family.existing:
        drawn.discard("order_id")
    return frozenset((drawn - set(family.no)) | said | set(family.always))


def tell(
    family: Family,
    wording: str,
    slots: Slots,
    lines: Lines,
    *,
    talkative: float,
    has_subject: bool,
    spoken: bool,
) -> Told:
    """Return the sentences of one message; `talkative` (0 to 1) scales how much is said besides.

    A style with a subject line may tell the order number there; `spoken` leaves out what only fits
    a written message.
    """
    random, chatter = slots.random, slots.bank.chatter
    if "{block}" in wording:
        wording = wording.replace("{block}", _block(slots))
    core = slots.fill(wording)
    left = slots.wanted - slots.told
    subject_has_id = has_subject and "order_id" in left and random.random() < _P_SUBJECT_ID
    if subject_has_id:
        left -= {"order_id"}
    before = [] if spoken else _chance(random, _P_OPENER * talkative, chatter["opener"])
    after = [_detail(fact, family, lines, random) for fact in sorted(left)]
    if "order_id" in left and random.random() < _P_ID_FIRST:
        before.append(after.pop(sorted(left).index("order_id")))
    if family.existing and "order_id" not in slots.wanted:
        after += _chance(random, _P_NO_ID, lines["order_id", "unknown"])
    before, after = [slots.fill(line) for line in before], [slots.fill(line) for line in after]
    after += _asides(family, slots, lines, talkative)
    random.shuffle(after)
    if not spoken:
        after += [slots.fill(line) for line in _chance(random, _P_REQUEST, chatter["request"])]
    return Told(
        before=tuple(before), wording=core, after=tuple(after), subject_has_id=subject_has_id
    )


def _detail(fact: Fact, family: Family, lines: Lines, random: Random) -> str:
    """Return a line that tells a fact the wording left out."""
    changed = family.kind == "change" and (fact, "change") in lines
    return random.choice(lines[fact, "change" if changed else _state(family)])


def _asides(family: Family, slots: Slots, lines: Lines, talkative: float) -> list[str]:
    """Say things that belong in no field, each about something not mentioned so far."""
    count = slots.random.choices(range(len(_P_ASIDES)), _P_ASIDES)[0]
    pool = list(lines["aside", "any"])
    pool += lines["aside", _state(family)]
    if slots.order.company:
        pool += lines["aside", "company"]
    if family.kind == "complaint":
        pool += lines["aside", "complaint"]
    said: list[str] = []
    for line in slots.random.sample(pool, len(pool)):
        if len(said) < round(count * talkative) and slots.is_new(line):
            said.append(slots.fill(line))
    return said


def _state(family: Family) -> str:
    """Return the name of the lists in `details.toml` that go with a family."""
    if family.kind == "new_order":
        return "new"
    return "existing" if family.existing else "question"


def _block(slots: Slots) -> str:
    """Return the order as a list, one line a fact, with some lines that fill no field."""
    random = slots.random
    unit = slots.order.good.unit or random.choice(("pcs", "pieces"))
    if random.random() < 0.5:
        rows = [f"{_label(random, 'Item', 'Article', 'Product', 'What')}: {{product}}"]
        rows.append(f"{_label(random, 'Qty', 'Quantity', 'How many', 'Number')}: {{number}} {unit}")
    else:
        rows = [
            random.choice((f"{{number}} {unit} - {{product}}", "{item}", "{number} x {product}"))
        ]
    more = []
    if "date" in slots.wanted:
        more.append(f"{_label(random, 'Delivery', 'Delivery date', 'Wanted', 'Due')}: {{date}}")
    if "total" in slots.wanted:
        more.append(f"{_label(random, 'Total', 'Sum', 'Order value', 'Amount')}: {{total}}")
    if random.random() < 0.4:
        more.append(f"{_label(random, 'Unit price', 'Price each', 'Per unit')}: {{price}}")
    if random.random() < 0.3:
        more.append(f"{_label(random, 'Freight', 'Shipping')}: {{shipping}}")
    if random.random() < 0.3:
        more.append(f"{_label(random, 'Receiver', 'Unloading')}: {{colleague}}")
    random.shuffle(more)
    bullet = random.choice(("", "", "- ", "* ", "> "))
    return "\n".join(bullet + row for row in (*rows, *more))


def _label(random: Random, *names: str) -> str:
    return random.choice(names)


def _chance(random: Random, p: float, phrases: tuple[str, ...]) -> list[str]:
    return [random.choice(phrases)] if random.random() < p else []
