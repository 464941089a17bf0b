"""Queries over several sandboxes whose condition is about the website's figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from rung.worlds.workbench.oracle import customers, mail, projects
from rung.worlds.workbench.oracle.episode import Episode
from rung.worlds.workbench.oracle.figures import metric_named, until_if_ahead, until_if_beyond

_FRONT, _NEXT_FRIDAY = "Front end", "next Friday"


def write_if_beyond(e: Episode) -> None:
    """Write to an address if a metric passed a bound."""
    if _beyond(e):
        mail.write_to(e, e.slots()["sender"], *e.quoted())


def book_if_beyond(e: Episode) -> None:
    """Book somebody if a metric passed a bound."""
    if _beyond(e):
        e.book_tomorrow(e.quoted()[0], e.address(e.slots()["sender_name"]))


def task_if_beyond(e: Episode) -> None:
    """Create a task for somebody if a metric passed a bound."""
    if _beyond(e):
        _task(e, e.quoted()[0], e.address(e.slots()["name"]))


def task_for_best_if_beyond(e: Episode) -> None:
    """Create a task for who completed most front end tasks if a metric passed a bound."""
    if not _beyond(e):
        return
    if e.answers:
        wanted = {"order": "most", "count": "tasks", "list_name": "Completed", "board": _FRONT}
        email = e.ask("helper.pick_person", **wanted)["assigned_to_email"]
    elif e.extra:
        counts = e.act("helper.count_tasks", list_name="Completed", board=_FRONT) or []
        email = counts[-1]["assigned_to_email"]
    else:
        done = e.act("project_management.search_tasks", list_name="Completed", board=_FRONT) or []
        email = Counter(task["assigned_to_email"] for task in done).most_common(1)[0][0]
    _task(e, e.quoted()[0], email)


def task_if_faster(e: Episode) -> None:
    """Create a task for somebody if one metric grew by more than another."""
    if _faster(e):
        _task(e, e.quoted()[0], e.address(e.slots()["name"]))


def delete_leads_if_beyond(e: Episode) -> None:
    """Delete somebody's leads if a metric passed a bound."""
    if _beyond(e):
        customers.delete_leads(e, e.address(e.slots()["assigned_to_first_name"]))


def task_or_mail(e: Episode) -> None:
    """Create a task for somebody if a metric passed a bound, else write to them."""
    task, title, body = e.quoted()
    beyond, email = _beyond(e), e.address(e.slots()["name"])
    if beyond:
        _task(e, task, email)
    else:
        mail.write_to(e, email, title, body)


def task_and_meeting_if_faster(e: Episode) -> None:
    """Create a task for somebody and book them if one metric grew by more than another."""
    if _faster(e):
        task, meeting = e.quoted()
        email = e.address(e.slots()["name"])
        _task(e, task, email)
        e.book_tomorrow(meeting, email)


def drop_leads_and_write(e: Episode) -> None:
    """Delete somebody's leads if a metric passed a bound, and write what came of it."""
    title, good, bad = e.quoted()
    beyond, email = _beyond(e), e.address(e.slots()["assigned_to_first_name"])
    if beyond:
        customers.delete_leads(e, email)
    mail.write_to(e, email, title, good if beyond else bad)


def task_and_meeting_or_mail(e: Episode) -> None:
    """Create a task for somebody and book them if a metric passed a bound, else write to them."""
    task, meeting, title, body = e.quoted()
    beyond, email = _beyond(e), e.address(e.slots()["name"])
    if beyond:
        _task(e, task, email)
        e.book_tomorrow(meeting, email)
    else:
        mail.write_to(e, email, title, body)


def task_and_meeting_or_leads(e: Episode) -> None:
    """Create a task for somebody and book them if a metric passed a bound, else give them leads."""
    slots = e.slots()
    task, meeting, title, body = e.quoted()
    beyond, email = _beyond(e), e.address(slots["name"])
    if beyond:
        _task(e, task, email)
        e.book_tomorrow(meeting, email)
        return
    mail.write_to(e, email, title, body)
    customers.give_leads(e, e.address(slots["assigned_to_first_name"]), email)


def _beyond(e: Episode) -> bool:
    slots = e.slots()
    since = e.day(slots["natural_language_date"])
    metric = metric_named(slots["natural_language_metric"])
    relation = slots.get("more_or_less", "more")
    return until_if_beyond(e, metric, since, relation, slots["threshold"]) is not None


def _faster(e: Episode) -> bool:
    slots = e.slots()
    since = e.day(slots["day_of_week"], past=True)
    names = (slots["natural_language_metric"], slots["natural_language_metric_2"])
    first, second = map(metric_named, names)
    return until_if_ahead(e, (first, second), since, "growth") is not None


def _task(e: Episode, name: str, email: str) -> None:
    projects.add(e, name, email, e.day(_NEXT_FRIDAY).isoformat(), _FRONT)


FAMILIES: dict[str, Callable[[Episode], Any]] = {
    "multi_domain-t09": write_if_beyond,
    "multi_domain-t10": book_if_beyond,
    "multi_domain-t11": task_if_beyond,
    "multi_domain-t12": task_for_best_if_beyond,
    "multi_domain-t13": task_if_faster,
    "multi_domain-t14": delete_leads_if_beyond,
    "multi_domain-t16": task_or_mail,
    "multi_domain-t17": task_and_meeting_if_faster,
    "multi_domain-t18": drop_leads_and_write,
    "multi_domain-t19": task_and_meeting_or_mail,
    "multi_domain-t20": task_and_meeting_or_leads,
}
