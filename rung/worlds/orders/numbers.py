"""Quantities and money as people write them, by the habit of the writer.

Amounts with a comma or point before three digits are thousands, before two digits cents; where a
point separates thousands, the cents are always written. Nothing here draws an order.
"""

from __future__ import annotations

from random import Random
from typing import Literal

Currency = Literal["EUR", "USD", "GBP", "CHF", "SEK", "PLN"]
CURRENCIES: tuple[Currency, ...] = ("EUR", "USD", "GBP", "CHF", "SEK", "PLN")
Habit = Literal["en", "de", "space", "plain"]
"""1,240.50 or 1.240,50 or 1 240,50 or 1240.50; Swiss francs have 1'240.50 for `de`."""

_BELOW_20 = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS: dict[Currency, tuple[str, ...]] = {
    "EUR": ("euros", "euro", "EUR"),
    "USD": ("dollars", "US dollars", "USD"),
    "GBP": ("pounds", "pounds sterling", "GBP"),
    "CHF": ("Swiss francs", "CHF"),
    "SEK": ("Swedish kronor", "SEK"),
    "PLN": ("zloty", "zł", "PLN"),
}
_SIGNS: dict[Currency, str] = {"EUR": "€", "USD": "$", "GBP": "£"}


def in_words(number: int) -> str:
    """Return an English numeral for 0 to 99."""
    if number < 20:
        return _BELOW_20[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens] + (f"-{_BELOW_20[ones]}" if ones else "")


def write_count(number: int, habit: Habit, random: Random) -> str:
    """Write a whole number in digits or, when small, now and then in words."""
    if number in (12, 24) and random.random() < 0.3:
        return "a dozen" if number == 12 else "two dozen"
    if number < 13 and random.random() < 0.35 or number < 100 and random.random() < 0.08:
        return in_words(number)
    if number >= 1000 and habit == "en" and random.random() < 0.6:
        return f"{number:,}"
    return str(number)


def write_money(cents: int, currency: Currency, habit: Habit, random: Random) -> str:
    """Write an amount with its currency."""
    digits = _digits(cents, "swiss" if (habit, currency) == ("de", "CHF") else habit, random)
    sign = _SIGNS.get(currency)
    kind = random.random()
    if sign and kind < 0.45:
        before = habit in ("en", "plain") or currency != "EUR"
        return f"{sign}{digits}" if before else f"{digits} {sign}"
    if kind < 0.7:
        return f"{currency} {digits}" if random.random() < 0.5 else f"{digits} {currency}"
    return f"{digits} {random.choice(_WORDS[currency])}"


def _digits(cents: int, habit: str, random: Random) -> str:
    whole, rest = divmod(cents, 100)
    thousands = {"en": ",", "de": ".", "space": " ", "swiss": "'"}.get(habit, "")
    text = f"{whole:,}".replace(",", thousands)
    if not rest and habit != "de" and random.random() < 0.7:
        return text
    return f"{text}{',' if habit in ('de', 'space') else '.'}{rest:02d}"
