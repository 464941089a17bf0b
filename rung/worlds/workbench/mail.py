"""The email sandbox: find, send, forward, answer and delete mail."""

from __future__ import annotations

from datetime import date
from typing import Any

from rung.core.spelling import quote
from rung.worlds.workbench.clock import NOW, parse_day, stamp
from rung.worlds.workbench.schemas import ADDRESS, FROM_DAY, ID, TO_DAY, choice, text
from rung.worlds.workbench.state import COLUMNS, State
from rung.worlds.workbench.table import Values
from rung.worlds.workbench.toolbox import Refused, address, declare, field_of, row_of

MAX_FOUND = 5


def get_email_information_by_id(state: State, *, email_id: str, field: str) -> Any:
    """Return one field of an email."""
    return field_of(row_of(state.emails, email_id, "email"), field)


def search_emails(
    state: State, *, query: str = "", date_min: str = "", date_max: str = ""
) -> list[Values]:
    """Return the five newest emails that have every word of the query and lie in the bounds."""
    words = query.lower().split()
    low, high = _day(date_min, "date_min"), _day(date_max, "date_max")
    newest = sorted(state.emails, key=lambda email: email["sent_datetime"] or "", reverse=True)
    found = []
    for email in newest:
        if not all(word in _text(email) for word in words):
            continue
        if (low or high) and not _within(email, low, high):
            continue
        found.append(email)
        if len(found) == MAX_FOUND:
            break
    return found


def send_email(state: State, *, recipient: str, subject: str, body: str) -> str:
    """Put an email, sent now, into the outbox."""
    _send(state, address(recipient), subject, body)
    return "Email sent successfully."


def forward_email(state: State, *, email_id: str, recipient: str) -> str:
    """Send an email on, with `FW: ` before its subject."""
    email = row_of(state.emails, email_id, "email")
    _send(state, address(recipient), f"FW: {email['subject']}", email["body"] or "")
    return "Email forwarded successfully."


def reply_email(state: State, *, email_id: str, body: str) -> str:
    """Send a text to whom an email came from or went to, under its subject."""
    email = row_of(state.emails, email_id, "email")
    _send(state, address(email["sender/recipient"] or ""), email["subject"] or "", body)
    return "Email replied successfully."


def delete_email(state: State, *, email_id: str) -> str:
    """Remove an email."""
    row_of(state.emails, email_id, "email")
    state.emails = state.emails.without(email_id)
    return "Email deleted successfully."


def _send(state: State, recipient: str, subject: str, body: str) -> None:
    email = {
        "email_id": state.emails.next_id(),
        "inbox/outbox": "outbox",
        "sender/recipient": recipient,
        "subject": subject,
        "sent_datetime": stamp(NOW),
        "body": body,
    }
    # As published: after a deletion this label is in use and its row, the newest, is overwritten.
    state.emails = state.emails.placed(email, label=len(state.emails.lines))


def _text(email: Values) -> str:
    return f"{email['subject']} {email['body']} {email['sender/recipient']}".lower()


def _day(bound: str, name: str) -> date | None:
    try:
        return parse_day(bound) if bound else None
    except ValueError:
        raise Refused(f"{name} {quote(bound)} is not a day: write YYYY-MM-DD") from None


def _within(email: Values, low: date | None, high: date | None) -> bool:
    sent = parse_day(email["sent_datetime"] or "")
    return (low is None or sent >= low) and (high is None or sent <= high)


TOOLS = (
    declare(
        "email.get_email_information_by_id",
        get_email_information_by_id,
        "Return one field of an email.",
        {"email_id": ID, "field": choice(COLUMNS["emails"])},
        required=("email_id", "field"),
    ),
    declare(
        "email.search_emails",
        search_emails,
        "Return the 5 newest emails that contain every word of the query.",
        {
            "query": text("words in subject, body or mail address"),
            "date_min": FROM_DAY,
            "date_max": TO_DAY,
        },
    ),
    declare(
        "email.send_email",
        send_email,
        "Send an email.",
        {"recipient": ADDRESS, "subject": text("subject"), "body": text("text")},
        required=("recipient", "subject", "body"),
        writes=True,
    ),
    declare(
        "email.delete_email",
        delete_email,
        "Delete an email.",
        {"email_id": ID},
        required=("email_id",),
        writes=True,
    ),
    declare(
        "email.forward_email",
        forward_email,
        "Forward an email.",
        {"email_id": ID, "recipient": ADDRESS},
        required=("email_id", "recipient"),
        writes=True,
    ),
    declare(
        "email.reply_email",
        reply_email,
        "Reply to an email.",
        {"email_id": ID, "body": text("text")},
        required=("email_id", "body"),
        writes=True,
    ),
)
