"""Queries over several sandboxes about people: contacts, meetings, overdue tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from rung.worlds.workbench import dates
from rung.worlds.workbench.clock import NOW, TODAY, stamp
from rung.worlds.workbench.oracle import calendar, customers, mail, projects
from rung.worlds.workbench.oracle.episode import Episode, Stuck

_FORTNIGHT = timedelta(days=14)


def book_if_not_spoken(e: Episode) -> None:
    """Book whoever looks after a customer that nobody spoke to for a fortnight."""
    name = e.slots()["current_customer_name"]
    if e.answers:
        found = e.ask("helper.last_contact", customer_name=name, days=str(_FORTNIGHT.days))
        if found["answer"] == "yes":
            e.book_tomorrow(e.quoted()[0], found["assigned_to_email"])
        return
    customer = customers.customer_named(e, name)
    if date.fromisoformat(customer["last_contact_date"]) < TODAY - _FORTNIGHT:
        e.book_tomorrow(e.quoted()[0], customer["assigned_to_email"])


def lead_for_most_punctual(e: Episode) -> None:
    """Add a lead for who has the fewest overdue tasks, of those who have any."""
    name = e.slots()["new_customer_name"]
    if e.answers:
        found = e.ask("helper.pick_person", order="fewest", count="overdue")
        customers.add_lead(e, name, found["assigned_to_email"])
        return
    if e.extra:
        found = e.act("helper.count_tasks") or []
        late = {count["assigned_to_email"]: count["overdue"] for count in found}
    else:
        late = Counter(
            task["assigned_to_email"] for task in _due_before(e) if projects.is_overdue(task)
        )
    owners = [owner for owner in late if late[owner]]
    if not owners:
        raise Stuck("nobody has overdue tasks")
    customers.add_lead(e, name, min(owners, key=lambda owner: late[owner]))


def meet_the_sender(e: Episode) -> None:
    """Book the sender of an email of a day."""
    slots = e.slots()
    subject, sent = slots["subject"], e.day(slots["natural_language_email_date"])
    found = mail.received(e, subject=subject, since=sent, until=sent)
    senders = [item["sender/recipient"] for item in found if item["subject"] == subject]
    if not senders:
        raise Stuck("no such email")
    start = _moment(e, slots["natural_language_event_date"], slots["natural_language_time"])
    _book(e, subject, senders[0], start, dates.read_minutes(slots["natural_language_duration"]))


def remind_attendee(e: Episode) -> None:
    """Remind who attends the first event of a day."""
    event = calendar.first_on(e, e.day(e.slots()["natural_language_event_date"]))
    mail.write_to(e, event["participant_email"], event["event_name"], e.quoted()[0])


def book_if_silent(e: Episode) -> None:
    """Book somebody on a weekday who has not written for days."""
    slots = e.slots()
    email = e.address(slots["sender_name"])
    since = e.day(f"{slots['days']} days", past=True)
    if any(m["sender/recipient"] == email for m in mail.received(e, sender=email, since=since)):
        return
    start = _moment(e, slots["day_of_week"], slots["natural_language_time"])
    _book(e, e.quoted()[0], email, start, 30)


def write_if_not_met(e: Episode) -> None:
    """Write to somebody not met for days."""
    slots = e.slots()
    email = e.address(slots["name"])
    if not calendar.met_within(e, email, slots["days"]):
        mail.write_to(e, email, *e.quoted())


def write_if_not_meeting(e: Episode) -> None:
    """Write to somebody with whom no meeting is planned in the next days."""
    slots = e.slots()
    email = e.address(slots["name"])
    if e.answers:
        asked = {"participant": email, "days": slots["days"], "direction": "next"}
        if e.ask("helper.has_met", **asked)["answer"] == "no":
            mail.write_to(e, email, *e.quoted())
        return
    until = e.day(f"{slots['days']} days")
    met = e.act(
        "calendar.search_events",
        query=email,
        time_min=stamp(NOW),
        time_max=f"{until} 23:59:59",
    )
    if not met:
        mail.write_to(e, email, *e.quoted())


def write_about_overdue(e: Episode) -> None:
    """Ask about overdue tasks, or praise."""
    email, overdue = _overdue(e)
    title, body, praise, praise_title = e.quoted()
    if overdue:
        mail.write_to(e, email, title, body)
    else:
        mail.write_to(e, email, praise_title, praise)


def book_if_overdue(e: Episode) -> None:
    """Book somebody who has overdue tasks."""
    email, overdue = _overdue(e)
    if overdue:
        e.book_tomorrow(e.quoted()[0], email)


def book_and_write_if_overdue(e: Episode) -> None:
    """Book and write to somebody who has overdue tasks, or praise."""
    email, overdue = _overdue(e)
    meeting, title, body, praise, praise_title = e.quoted()
    if overdue:
        e.book_tomorrow(meeting, email)
        mail.write_to(e, email, title, body)
    else:
        mail.write_to(e, email, praise_title, praise)


def _overdue(e: Episode) -> tuple[str, bool]:
    email = e.address(e.slots()["name"])
    if e.answers:
        return email, bool(e.ask("helper.overdue_tasks", assigned_to_email=email))
    return email, any(map(projects.is_overdue, projects.tasks_of(e, email)))


def _due_before(e: Episode) -> Iterator[projects.Task]:
    """Look up tasks by the month they are due, backwards from this one to the first without."""
    month = TODAY.replace(day=1)
    while page := e.act("project_management.search_tasks", due_date=f"{month:%Y-%m}"):
        yield from page
        month = (month - timedelta(days=1)).replace(day=1)


def _moment(e: Episode, day: str, time: str) -> datetime:
    return datetime.combine(e.day(day), dates.read_time(time))


def _book(e: Episode, name: str, email: str, start: datetime, minutes: int) -> None:
    e.write(
        "calendar.create_event",
        event_name=name,
        participant_email=email,
        event_start=stamp(start),
        duration=str(minutes),
    )


FAMILIES: dict[str, Callable[[Episode], Any]] = {
    "multi_domain-t00": book_if_not_spoken,
    "multi_domain-t01": lead_for_most_punctual,
    "multi_domain-t02": meet_the_sender,
    "multi_domain-t03": remind_attendee,
    "multi_domain-t04": book_if_silent,
    "multi_domain-t05": write_if_not_met,
    "multi_domain-t06": write_if_not_meeting,
    "multi_domain-t07": write_about_overdue,
    "multi_domain-t08": book_if_overdue,
    "multi_domain-t15": book_and_write_if_overdue,
}
