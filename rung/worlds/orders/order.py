"""One order as it is in truth: who buys what, when, for how much; and the form it fills.

A message tells only part of it; `target` gives null for the facts that were not told. How facts are
worded is not decided here.
"""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from rung.worlds.orders.bank import Bank, Culture, Family, Good, Kind
from rung.worlds.orders.dates import Day, draw_delivery, draw_today
from rung.worlds.orders.numbers import Currency, Habit

P_PRIVATE = 0.3
"""Share of private customers where a situation fits both."""
_NUMBERS = (
    "SO-#####", "ORD-%Y-#####", "#######", "45########", "B%y/####", "WEB-?#?##", "AU-###-##",
    "K#####-?", "%y-######", "EC######", "#####/%y", "A.####.##",
)  # fmt: skip
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The truth behind one message."""

    kind: Kind
    culture: Culture
    customer: str
    company: str | None
    good: Good
    quantity: int
    price_cents: int
    """Of one unit."""
    currency: Currency
    habit: Habit
    number_format: str
    """How this seller numbers orders; see `draw_number`."""
    order_id: str
    today: date
    """Date of the message."""
    delivery: Day

    @property
    def total_cents(self) -> int:
        """Return the price of the whole order."""
        return self.quantity * self.price_cents


def draw_order(family: Family, wording: str, bank: Bank, random: Random) -> Order:
    """Draw an order that fits a situation and one of its wordings."""
    culture = random.choice(bank.cultures)
    private = family.buyer == "private" or (family.buyer == "any" and random.random() < P_PRIVATE)
    good = random.choice(bank.goods[random.choice(family.goods or tuple(bank.goods))])
    today = draw_today(random)
    number_format = random.choice(_NUMBERS)
    return Order(
        kind=family.kind,
        culture=culture,
        customer=f"{random.choice(culture.first)} {random.choice(culture.last)}",
        company=None if private else _draw_company(culture, bank, random),
        good=good,
        quantity=_draw_quantity(good, private, random),
        price_cents=_draw_price(good, random),
        currency=random.choice(culture.currency),
        habit=random.choice(culture.numbers),
        number_format=number_format,
        order_id=draw_number(number_format, today, random),
        today=today,
        delivery=draw_delivery(
            today, culture.us, random, not_before=4 if "{earlier_date}" in wording else 1
        ),
    )


def target(order: Order, told: Container[str]) -> dict[str, Any]:
    """Return the filled form: what is not in `told` is null."""
    total = order.total_cents
    has_total = "total" in told
    return {
        "kind": order.kind,
        "order_id": order.order_id if "order_id" in told else None,
        "customer": order.customer,
        "company": order.company,
        "product": order.good.name,
        "quantity": order.quantity if "quantity" in told else None,
        "amount": (total / 100 if total % 100 else total // 100) if has_total else None,
        "currency": order.currency if has_total else None,
        "delivery_date": order.delivery.day.isoformat() if "date" in told else None,
    }


def draw_number(form: str, today: date, random: Random) -> str:
    """Draw a number by a form: # is a digit, ? a letter, %Y and %y the year."""
    text = form.replace("%Y", f"{today.year}").replace("%y", f"{today.year % 100}")
    drawn, led = [], False
    for char in text:
        if char == "#":
            char = str(random.randrange(10) if led else random.randint(1, 9))
            led = True
        elif char == "?":
            char = random.choice(_LETTERS)
        drawn.append(char)
    return "".join(drawn)


def _draw_company(culture: Culture, bank: Bank, random: Random) -> str:
    names = bank.names
    stem, trade = random.choice(names["stem"]), random.choice(names["trade"])
    legal, last = random.choice(culture.legal), random.choice(culture.last)
    kind = random.random()
    if kind < 0.28:
        return f"{stem} {legal}"
    if kind < 0.52:
        return f"{stem} {trade}"
    if kind < 0.62:
        return f"{stem} {trade} {legal}"
    if kind < 0.76:
        return f"{last} {legal}"
    if kind < 0.84:
        return f"{last} {trade}"
    return f"{random.choice(names['house'])} {random.choice(names['house_name'])}"


def _draw_quantity(good: Good, private: bool, random: Random) -> int:
    low = max(good.low, 4)
    high = max(min(good.high, 6 * good.low) if private else good.high, low)
    number = math.exp(random.uniform(math.log(low), math.log(high)))
    step = 1 if number < 13 or random.random() < 0.25 else 5 if number < 100 else 25
    return max(low, round(number / step) * step)


def _draw_price(good: Good, random: Random) -> int:
    cents = round(100 * random.uniform(good.low_price, good.high_price))
    if cents < 300:
        return max(cents, 1)
    step = random.choice((5, 10, 25, 50)) if cents < 3000 else random.choice((50, 100, 100, 500))
    return max(step, round(cents / step) * step - random.choice((0, 0, 0, step // 10)))
