"""Fills the `{slots}` of phrases for one message and remembers which facts were told.

A value is drawn when first used and then stays the same. It goes into the text as one private-use
character until `settle`, so that typing errors and layout cannot damage it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from rung.worlds.orders.bank import Bank, Fact
from rung.worlds.orders.dates import draw_date
from rung.worlds.orders.numbers import write_count, write_money
from rung.worlds.orders.order import Order, draw_number

_SLOT = re.compile(r"\{(\w+)\}")
_KEPT = re.compile(r"\b(?:[Cc]ancel|[Ww]ithdr|[Aa]nnul)\w*")
"""Words that alone decide the kind; they are spared like values."""
_FIRST_TOKEN = 0xE000
_PLAIN = str.maketrans("łıđ", "lid")
_TOKEN = re.compile("[\ue000-\uf8ff]")
TELLS: dict[str, Fact] = {
    "id": "order_id", "count": "quantity", "number": "quantity", "qty": "quantity",
    "item": "quantity", "total": "total", "date": "date", "when": "date",
}  # fmt: skip
"""Facts by the slots that tell them; `block` tells all that are wanted but the order number."""


@dataclass(slots=True)
class Slots:
    """Values of one message."""

    random: Random
    bank: Bank
    order: Order
    wanted: frozenset[Fact] = frozenset()
    """Facts that the message is to tell."""
    told: set[Fact] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)
    _texts: list[str] = field(default_factory=list)

    def fill(self, phrase: str) -> str:
        """Return the phrase with a token for every slot; an unknown slot raises KeyError."""
        phrase = _KEPT.sub(lambda match: self._keep(match[0]), phrase)
        return _SLOT.sub(lambda match: self._token(match[1]), phrase)

    def settle(self, text: str) -> str:
        """Return the text with every token replaced by its value."""
        while _TOKEN.search(text):
            text = _TOKEN.sub(lambda match: self._texts[ord(match[0]) - _FIRST_TOKEN], text)
        return text

    @property
    def needs_today(self) -> bool:
        """Return whether a reader must know the date of the message."""
        return "date" in self.told and self.order.delivery.needs_today

    def is_new(self, phrase: str) -> bool:
        """Return whether none of the slots of a phrase has been used."""
        return not any(name in self.values for name in _SLOT.findall(phrase))

    def pick(self, name: str) -> str:
        """Return a fresh entry of a list in `names.toml`."""
        return self.random.choice(self.bank.names[name])

    def number(self, *forms: str) -> str:
        """Return a fresh number by one of the forms."""
        return draw_number(self.random.choice(forms), self.order.today, self.random)

    def _token(self, name: str) -> str:
        if name in TELLS:
            self.told.add(TELLS[name])
        if name not in self.values:
            self.values[name] = self._keep(_MADE[name](self))
        return self.values[name]

    def _keep(self, text: str) -> str:
        self._texts.append(text)
        return chr(_FIRST_TOKEN + len(self._texts) - 1)


def slug(text: str) -> str:
    """Return a name as it stands in an address: a to z, digits and dashes."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_PLAIN))
    return re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode()).strip("-") or "info"


def _item(slots: Slots) -> str:
    kind = slots.random.random()
    unit = slots.order.good.unit
    if kind < 0.6:
        return slots.fill(f"{{count}} {unit} of {{product}}" if unit else "{count} {product}")
    if kind < 0.75 or not unit:
        return slots.fill("{number} x {product}")
    return slots.fill(f"{{product}} ({{number}} {unit})")


def _of(slots: Slots, number: int) -> str:
    """Write a number of units of the order's good."""
    text = write_count(number, slots.order.habit, slots.random)
    unit = slots.order.good.unit or slots.random.choice(("", "", "pieces", "units"))
    return f"{text} {unit}".strip()


def _lower(slots: Slots) -> str:
    return _of(slots, max(2, round(slots.order.quantity * slots.random.uniform(0.35, 0.85) - 0.5)))


def _higher(slots: Slots) -> str:
    number = round(slots.order.quantity * slots.random.uniform(1.2, 2.2))
    return _of(slots, max(slots.order.quantity + 1, number - number % 5 if number > 30 else number))


def _date(low: int, high: int, *, after: str = "today") -> Callable[[Slots], str]:
    """Return a maker of plain dates some days after the message or the wanted delivery."""

    def make(slots: Slots) -> str:
        order = slots.order
        start = order.today if after == "today" else order.delivery.day
        first, last = start + timedelta(days=low), start + timedelta(days=high)
        return draw_date(first, last, order.culture.us, slots.random)

    return make


def _earlier_date(slots: Slots) -> str:
    """Write a day between the message and the wanted delivery."""
    order = slots.order
    return draw_date(
        order.today + timedelta(days=1),
        order.delivery.day - timedelta(days=2),
        order.culture.us,
        slots.random,
    )


def _money(cents: Callable[[Slots], int]) -> Callable[[Slots], str]:
    return lambda slots: write_money(
        cents(slots), slots.order.currency, slots.order.habit, slots.random
    )


def _wrong_total(slots: Slots) -> int:
    return round(slots.order.total_cents * slots.random.uniform(1.05, 1.6))


def _shipping(slots: Slots) -> int:
    return slots.random.choice((490, 690, 950, 1200, 1500, 1990, 2500, 3900, 4500, 6900))


def _other(slots: Slots) -> str:
    """Return another good of the same trade."""
    trade = next(goods for goods in slots.bank.goods.values() if slots.order.good in goods)
    return slots.random.choice([good.name for good in trade if good is not slots.order.good])


def _colleague(slots: Slots) -> str:
    culture, random = slots.order.culture, slots.random
    used = set(slots.order.customer.split())
    first = random.choice([name for name in culture.first if name not in used])
    return f"{first} {random.choice([name for name in culture.last if name not in used])}"


def _staff(slots: Slots) -> str:
    last = slots.pick("staff_last")
    title = slots.random.choice(("Ms", "Mr", ""))
    return f"{title} {last}" if title else f"{slots.pick('staff_first')} {last}"


def _phone(slots: Slots) -> str:
    digits = slots.number("### ### ##", "######", "### ####", "##-##-##")
    return f"{slots.order.culture.dial} {digits}"


def _party(slots: Slots) -> str:
    forms = ("{customer}, {company}", "{customer} ({company})", "{customer} of {company}")
    return slots.fill(slots.random.choice(forms) if slots.order.company else "{customer}")


def _address(slots: Slots) -> str:
    first, last = map(slug, slots.order.customer.split(" ", 1))
    if slots.order.company is None:
        return f"{first}.{last}@mail.example"
    name = slots.random.choice((f"{first}.{last}", f"{first[0]}.{last}", "office", "orders", first))
    return f"{name}@{slug(slots.order.company)}.example"


def _mailbox(slots: Slots) -> str:
    name = slots.random.choice(("accounts", "invoices", "office"))
    return f"{name}@{slug(slots.order.company or 'mail')}.example"


_MADE: dict[str, Callable[[Slots], str]] = {
    "customer": lambda slots: slots.order.customer,
    "first": lambda slots: slots.order.customer.split()[0],
    "company": lambda slots: slots.order.company or slots.order.customer,
    "party": _party,
    "address": _address,
    "mailbox": _mailbox,
    "product": lambda slots: slots.order.good.name,
    "other": _other,
    "item": _item,
    "number": lambda slots: str(slots.order.quantity),
    "count": lambda slots: write_count(slots.order.quantity, slots.order.habit, slots.random),
    "qty": lambda slots: _of(slots, slots.order.quantity),
    "lower_qty": _lower,
    "higher_qty": _higher,
    "got": _lower,
    "extra_got": _higher,
    "id": lambda slots: slots.order.order_id,
    "old_id": lambda slots: slots.number(slots.order.number_format),
    "total": _money(lambda slots: slots.order.total_cents),
    "wrong_total": _money(_wrong_total),
    "price": _money(lambda slots: slots.order.price_cents),
    "shipping": _money(_shipping),
    "date": lambda slots: slots.order.delivery.noun,
    "when": lambda slots: slots.order.delivery.when,
    "earlier_date": _earlier_date,
    "later_date": _date(2, 25, after="delivery"),
    "past": _date(-40, -3),
    "closed": _date(3, 40),
    "time": lambda slots: slots.random.choice(("7:30", "8:00", "8:30", "9 am", "10:00", "10:30")),
    "quote": lambda slots: slots.number("Q-####", "QT#####", "AN-%y-###", "Q%y.####"),
    "invoice": lambda slots: slots.number("INV-#####", "RE-%Y-####", "R######", "F%y/####"),
    "ref": lambda slots: slots.number("PO ####", "PO-%y-###", "CC-####", "MK/###/%y", "BE######"),
    "custno": lambda slots: slots.number("#####", "C-####", "KD-#####", "####-###"),
    "vat": lambda slots: slots.number("DE#########", "GB#########", "NL########?##", "IT#######"),
    "year": lambda slots: str(slots.order.today.year - slots.random.randint(2, 14)),
    "ext": lambda slots: slots.number("###", "####"),
    "code": lambda slots: slots.number("####", "##-##"),
    "page": lambda slots: slots.number("##", "1##", "2##"),
    "phone": _phone,
    "phone2": lambda slots: f"0800 {slots.number('### ####', '######')}",
    "staff": _staff,
    "staff_first": lambda slots: slots.pick("staff_first"),
    "staff2": lambda slots: slots.pick("staff_first"),
    "colleague": _colleague,
    "carrier": lambda slots: slots.pick("carrier"),
    "role": lambda slots: slots.pick("role"),
    "city": lambda slots: slots.random.choice(slots.order.culture.city),
    "street": lambda slots: f"{slots.pick('street')} {slots.random.randint(2, 148)}",
}
