"""Queries about mail: delete, send, answer and forward."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from rung.worlds.workbench.clock import TODAY, parse_day
from rung.worlds.workbench.mail import MAX_FOUND
from rung.worlds.workbench.oracle.episode import Episode, Stuck

Mail = Mapping[str, str]
_MONDAY = TODAY - timedelta(days=TODAY.weekday() + 7)
_SUNDAY = _MONDAY + timedelta(days=6)
"""Last week ends here."""
_WITH = re.compile(r"with '(.+?)(?:'|(?<=\.)(?= Can you))", re.DOTALL)


def inbox(
    e: Episode, query: str, *, since: date | None = None, until: date | None = None
) -> list[Mail]:
    """Look up the received emails that match, newest first, page by page where a start is given."""
    found: dict[str, Mail] = {}
    asked = {"query": query, **({"date_min": since.isoformat()} if since else {})}
    while True:
        if until:
            asked["date_max"] = until.isoformat()
        page = e.act("email.search_emails", **asked) or []
        fresh = [mail for mail in page if mail["email_id"] not in found]
        found |= {mail["email_id"]: mail for mail in fresh}
        if len(page) < MAX_FOUND or not fresh or not since:
            return [mail for mail in found.values() if mail["inbox/outbox"] == "inbox"]
        until = parse_day(page[-1]["sent_datetime"])


def received(
    e: Episode,
    *,
    sender: str = "",
    subject: str = "",
    since: date | None = None,
    until: date | None = None,
) -> list[Mail]:
    """Look up the emails received from somebody, about a subject or both, newest first."""
    if e.answers and since:
        bounds = {"date_min": str(since), "date_max": str(until or "")}
        found = e.ask("helper.emails_from", sender=sender, subject=subject, **bounds)
        return list(reversed(found))
    if e.answers:
        return list(e.ask("helper.last_email", sender=sender, subject=subject))
    return [
        mail
        for mail in inbox(e, f"{sender} {subject}".strip(), since=since, until=until)
        if sender in ("", mail["sender/recipient"]) and subject in ("", mail["subject"])
    ]


def newest(e: Episode, *, sender: str = "", subject: str = "") -> Mail:
    """Look up the newest received email that is wanted; raises Stuck when there is none."""
    for mail in received(e, sender=sender, subject=subject):
        return mail
    raise Stuck("no such email")


def write_to(e: Episode, email: str, title: str, body: str) -> None:
    """Send an email."""
    e.write("email.send_email", recipient=email, subject=title, body=body)


def delete_last(e: Episode) -> None:
    """Delete the last email from somebody."""
    mail = newest(e, sender=e.address(e.slots()["name"]))
    e.write("email.delete_email", email_id=mail["email_id"])


def delete_recent(e: Episode) -> None:
    """Delete all emails from somebody from the last days."""
    slots = e.slots()
    email = e.address(slots["name"])
    since = e.day(f"{slots['days']} days", past=True)
    found = received(e, sender=email, since=since)
    for mail in reversed(found) if e.answers else found:  # as they were shown
        e.write("email.delete_email", email_id=mail["email_id"])


def send(e: Episode) -> None:
    """Send an email that the query spells out; it writes line breaks as `\\n`."""
    slots = e.slots()
    body = slots["body"].replace("\\n", "\n")
    write_to(e, e.address(slots["name"]), slots["subject"], body)


def reply_about(e: Episode) -> None:
    """Answer somebody's last email about a subject."""
    slots = e.slots()
    _reply(e, newest(e, sender=e.address(slots["name"]), subject=slots["subject"]))


def reply_last(e: Episode) -> None:
    """Answer the latest email from somebody."""
    _reply(e, newest(e, sender=e.address(e.slots()["sender_name"])))


def forward_week(e: Episode) -> None:
    """Forward what somebody wrote about a subject in the last calendar week, oldest first."""
    slots = e.slots()
    email, subject = e.address(slots["name"]), slots["subject"]
    recipient = e.address(slots["recipient_name"])
    found = received(e, sender=email, subject=subject, since=_MONDAY, until=_SUNDAY)
    for mail in reversed(found):
        _forward(e, mail, recipient)


def forward_about(e: Episode) -> None:
    """Forward the latest email about a subject to one or two people."""
    slots = e.slots()
    mail = newest(e, subject=slots["subject"])
    names = [slots[key] for key in sorted(slots) if key.startswith("recipient_name")]
    for recipient in [e.address(name) for name in names]:
        _forward(e, mail, recipient)


def forward_from(e: Episode) -> None:
    """Forward the latest email from somebody."""
    slots = e.slots()
    mail = newest(e, sender=e.address(slots["sender_name"]))
    _forward(e, mail, e.address(slots["recipient_name"]))


def _reply(e: Episode, mail: Mail) -> None:
    match = _WITH.search(e.query)
    if match is None:
        raise Stuck("the query does not say what to answer")
    e.write("email.reply_email", email_id=mail["email_id"], body=match[1])


def _forward(e: Episode, mail: Mail, recipient: str) -> None:
    e.write("email.forward_email", email_id=mail["email_id"], recipient=recipient)


FAMILIES: dict[str, Callable[[Episode], Any]] = {
    "email-t00": delete_last,
    "email-t01": delete_recent,
    "email-t02": send,
    "email-t03": reply_about,
    "email-t04": forward_week,
    "email-t05": forward_about,
    "email-t06": forward_from,
    "email-t07": forward_about,
    "email-t08": reply_last,
}
