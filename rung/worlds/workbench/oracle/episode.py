"""One query solved step by step: what was asked, what was looked up, what was written.

An episode knows the query, its words in the slots of its template, and what the tools answered. It
never sees the published answer. With extra tools it asks them for dates, slots and sums; without,
it works them out from what it looked up, as an agent would have to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from rung.tasks.task import Example
from rung.worlds.workbench import dates
from rung.worlds.workbench.clock import TODAY, stamp
from rung.worlds.workbench.slots import first_free
from rung.worlds.world import Call, Result, Session

TOMORROW = TODAY + timedelta(days=1)
_SLOT = re.compile(r"\{(\w+)\}")
_CLOSED = {
    "more_or_less": "more|less",
    "higher_or_lower": "higher|lower",
    "before_or_after": "before|after",
}
"""Slots of few words, which may stand beside a slot of many."""
_QUOTED = re.compile(r"(?<!\w)'(.+?)'(?!\w)", re.DOTALL)
_GLUED = re.compile(r"'(?=saying )")


class Stuck(Exception):
    """The query cannot be solved from what can be seen; the message says why."""


@dataclass(slots=True, kw_only=True)
class Episode:
    """A query on its way to an answer."""

    example: Example
    session: Session
    extra: bool = False
    """Whether the extra tools may be used."""
    answers: bool = False
    """Whether those of them may be used that decide a condition and find its rows."""
    calls: list[Call] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    doubt: str = ""
    """Why a reader of the query alone would do something else, where that is known."""

    @property
    def query(self) -> str:
        """The user's words."""
        return self.example.input

    def act(self, tool: str, **arguments: str) -> Any:
        """Use a tool; return what it answered, None when it failed."""
        call = Call(tool=tool, arguments=arguments)
        result = self.session.call(call)
        self.calls.append(call)
        self.results.append(result)
        return result.value

    def ask(self, tool: str, **arguments: str) -> Any:
        """Use a tool, leaving out empty arguments; raises Stuck when it fails."""
        value = self.act(tool, **{name: text for name, text in arguments.items() if text})
        if error := self.results[-1].error:
            raise Stuck(error)
        return value

    def write(self, tool: str, **arguments: str) -> None:
        """Use a tool that changes something; raises Stuck when it fails."""
        self.ask(tool, **arguments)

    def address(self, name: str) -> str:
        """Look up the mail address of a first name."""
        found = self.act("company_directory.find_email_address", name=name) or []
        known = [email for email in found if email.partition(".")[0] == name.lower()]
        if not known:
            raise Stuck(f"nobody is called {name!r}")
        return str(known[0])

    def day(self, words: str, *, past: bool = False) -> date:
        """Return the day that words name."""
        if not self.extra:
            return dates.read_day(words, past=past)
        direction = "last" if past else "next"
        return date.fromisoformat(
            self.act("helper.find_date", words=words, direction=direction) or ""
        )

    def later(self, time: str, minutes: int) -> str:
        """Return a time some minutes later."""
        if self.extra:
            return str(self.act("helper.shift_time", time=time, minutes=str(minutes)))
        return stamp(datetime.fromisoformat(time) + timedelta(minutes=minutes))

    def book_tomorrow(self, name: str, email: str, minutes: int = 30) -> None:
        """Create an event at the first free time of tomorrow."""
        if self.extra:
            start = self.act(
                "helper.first_free_slot", day=TOMORROW.isoformat(), duration=str(minutes)
            )
        else:
            free = first_free(self.events_on(TOMORROW), TOMORROW, minutes)
            start = free and stamp(free)
        if not start:
            raise Stuck("tomorrow has no free slot")
        self.write(
            "calendar.create_event",
            event_name=name,
            participant_email=email,
            event_start=start,
            duration=str(minutes),
        )

    def events_on(self, day: date, query: str = "") -> list[Mapping[str, str]]:
        """Look up the events of a day, at most five, in the calendar's order."""
        asked = {"query": query} if query else {}
        found = self.act(
            "calendar.search_events",
            **asked,
            time_min=f"{day} 00:00:00",
            time_max=f"{day} 23:59:59",
        )
        return found or []

    def quoted(self) -> list[str]:
        """Return the texts that the query puts in quotes, in order."""
        return _QUOTED.findall(_GLUED.sub("' ", self.query))

    def slots(self) -> Mapping[str, str]:
        """Return the words that fill the slots of the query's template."""
        return slot_words(self.example)


def slot_words(example: Example) -> Mapping[str, str]:
    """Return the words that a query has in the slots of its template, by slot.

    Raises Stuck for a query that does not follow it.
    """
    template = str(example.setup["chosen_template"])
    pattern, seen = "", set[str]()
    for position, part in enumerate(_SLOT.split(template)):
        if position % 2 == 0:
            pattern += re.escape(part)
        else:
            words = _CLOSED.get(part, ".+?")
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>{words})"
            seen.add(part)
    match = re.fullmatch(pattern, example.input, re.DOTALL)
    if match is None:
        raise Stuck("the query does not follow its template")
    return match.groupdict()
