"""Days as people write them: in full, without the year, or counted from today.

Every way is decidable. A day written with slashes has a day of the month above 12; a weekday alone
means the next such day; "Tuesday next week" lies in the calendar week (Monday first) after the
message; "in ten days" counts calendar days; a day without a year is the next such day. Texts that
need the date of the message say so. Which day an order wants is drawn here, since each way of
writing fits other days.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from rung.worlds.orders.numbers import in_words

_FIRST, _LAST = date(2025, 9, 1), date(2027, 6, 30)
_MAX_DAYS = 45
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_WITH_YEAR = (
    "{d} {month} {y}", "{dd}.{mm}.{y}", "{d} {mon} {y}", "{nth} {month} {y}",
    "{weekday} {d} {month} {y}", "{d}.{m}.{y}", "{y}-{mm}-{dd}",
)  # fmt: skip
_US_WITH_YEAR = (
    "{month} {d}, {y}", "{mon} {d}, {y}", "{month} {nth}, {y}", "{weekday}, {month} {d}, {y}",
    "{y}-{mm}-{dd}",
)  # fmt: skip
_WITHOUT_YEAR = (
    "{d} {month}", "{d} {mon}", "{nth} of {month}", "{weekday}, {d} {month}",
    "the {nth} of {month}",
)  # fmt: skip
_US_WITHOUT_YEAR = ("{month} {d}", "{mon} {d}", "{month} {nth}", "{weekday}, {month} {d}")
_HEADER = ("{wkd}, {d} {mon} {y}", "{weekday}, {d} {month} {y}", "{wkd} {y}-{mm}-{dd}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day and how one writer puts it."""

    day: date
    noun: str
    """Fits after "the date is", "from … to …"."""
    when: str
    """Fits after "deliver it"."""
    needs_today: bool
    """A reader must know the date of the message."""


def draw_today(random: Random) -> date:
    """Draw the date of a message, a weekday."""
    return _on_weekday(_FIRST + timedelta(days=random.randrange((_LAST - _FIRST).days)))


def draw_delivery(today: date, us: bool, random: Random, *, not_before: int = 1) -> Day:
    """Draw a day from Monday to Friday, at least `not_before` days ahead, and a way to write it.

    `us` is the writer's habit of putting the month first.
    """
    while True:
        way = random.choices(_WAYS, _SHARES)[0]
        found = way(today, us, random)
        if found.day >= today + timedelta(days=not_before) and found.day.weekday() < 5:
            return found


def draw_date(low: date, high: date, us: bool, random: Random) -> str:
    """Draw a weekday in between, as good as the bounds allow, and write it as a plain date."""
    day = _on_weekday(low + timedelta(days=random.randrange(max((high - low).days, 1))))
    return random.choice((_with_year, _with_year, _without_year))(day, us, random)


def write_header(day: date, random: Random) -> str:
    """Write the date of a message with its weekday, as mail programs do."""
    return _write(random.choice(_HEADER), day)


def _on_weekday(day: date) -> date:
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= 5 else 0)


def _with_year(day: date, us: bool, random: Random) -> str:
    forms = list(_US_WITH_YEAR if us else _WITH_YEAR)
    if day.day > 12:
        forms.append("{mm}/{dd}/{y}" if us else "{dd}/{mm}/{y}")
    return _write(random.choice(forms), day)


def _without_year(day: date, us: bool, random: Random) -> str:
    return _write(random.choice(_US_WITHOUT_YEAR if us else _WITHOUT_YEAR), day)


def _write(form: str, day: date) -> str:
    """Fill a form with English names, whatever the locale is."""
    weekday, month = _DAYS[day.weekday()], _MONTHS[day.month - 1]
    return form.format(
        weekday=weekday,
        wkd=weekday[:3],
        month=month,
        mon=month[:3],
        d=day.day,
        dd=f"{day.day:02d}",
        nth=_ordinal(day.day),
        m=day.month,
        mm=f"{day.month:02d}",
        y=day.year,
    )


def _ordinal(number: int) -> str:
    ending = "th" if 11 <= number <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _dated(day: date, noun: str, random: Random, *, needs_today: bool = True) -> Day:
    form = random.choice(("by {}", "on {}", "by {} at the latest", "no later than {}", "on {}"))
    return Day(day=day, noun=noun, when=form.format(noun), needs_today=needs_today)


def _ahead(today: date, random: Random) -> date:
    return today + timedelta(days=random.randint(2, _MAX_DAYS))


def _full(today: date, us: bool, random: Random) -> Day:
    day = _ahead(today, random)
    return _dated(day, _with_year(day, us, random), random, needs_today=False)


def _short(today: date, us: bool, random: Random) -> Day:
    day = _ahead(today, random)
    return _dated(day, _without_year(day, us, random), random)


def _ordinal_alone(today: date, us: bool, random: Random) -> Day:
    day = today + timedelta(days=random.randint(3, 26))
    return _dated(day, f"the {_ordinal(day.day)}", random)


def _weekday(today: date, us: bool, random: Random) -> Day:
    day = today + timedelta(days=random.randint(2, 6))
    name = _DAYS[day.weekday()]
    if random.random() < 0.6:
        return _dated(day, name, random)
    name = f"this {name}" if day.weekday() > today.weekday() else f"this coming {name}"
    return Day(day=day, noun=name, when=random.choice((name, f"by {name}")), needs_today=True)


def _weekday_next_week(today: date, us: bool, random: Random) -> Day:
    day = today + timedelta(days=7 - today.weekday() + random.randrange(5))
    return _dated(day, f"{_DAYS[day.weekday()]} next week", random)


def _in_days(today: date, us: bool, random: Random) -> Day:
    num = random.randint(3, 20)
    text = in_words(num) if random.random() < 0.6 else str(num)
    form = random.choice(("in {} days", "within {} days", "{} days from now"))
    return Day(
        day=today + timedelta(days=num),
        noun=f"{text} days from today",
        when=form.format(text),
        needs_today=True,
    )


def _in_weeks(today: date, us: bool, random: Random) -> Day:
    num = random.choice((1, 2, 2, 3, 4))
    text = "a week" if num == 1 else f"{in_words(num)} weeks"
    when = random.choice((f"in {text}", f"{text} from today", f"within {text}"))
    return Day(
        day=today + timedelta(weeks=num), noun=f"{text} from today", when=when, needs_today=True
    )


def _tomorrow(today: date, us: bool, random: Random) -> Day:
    num = random.choice((1, 2))
    noun = ("tomorrow", "the day after tomorrow")[num - 1]
    when = random.choice((noun, f"by {noun}", f"{noun} at the latest"))
    return Day(day=today + timedelta(days=num), noun=noun, when=when, needs_today=True)


def _month_end(today: date, us: bool, random: Random) -> Day:
    last = today.replace(day=calendar.monthrange(today.year, today.month)[1])
    noun = random.choice(
        ("the last day of this month", f"the last day of {_MONTHS[last.month - 1]}")
    )
    return _dated(last, noun, random)


_Way = Callable[[date, bool, Random], Day]
_WAYS: tuple[_Way, ...] = (
    _full, _short, _ordinal_alone, _weekday, _weekday_next_week, _in_days, _in_weeks, _tomorrow,
    _month_end,
)  # fmt: skip
_SHARES = (0.36, 0.21, 0.06, 0.12, 0.07, 0.05, 0.06, 0.05, 0.02)
