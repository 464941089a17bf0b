"""The rules that turn the facts of a ticket into `priority` and `needs_human`.

Every fact is a phrase in the text, so a careful reader who knows these rules finds the same
labels. Shouting ("URGENT", a chosen urgency) is not a fact and changes nothing.

Category: what the writer asks to have solved. A side remark, a guess at the cause ("I think the VPN
is down") and the names of systems that work do not count. Danger from outside, lost devices
and exposed data are always `security_incident`.

Priority, first rule that holds:
1. `urgent`: harm has begun (a password, data, money or a device is in foreign hands, files are
   encrypted, a dismissed person still has access); ten or more people or a whole site cannot
   work; or the writer's hard stop is within two hours.
2. `high`: two to nine people are blocked; one person says that all work has stopped; it is due
   today or tomorrow morning; a suspected attack without harm so far; a dangerous device.
3. `low`: the writer says it can wait, or only asks for information and gives no date.
4. `normal`: everything else, a date later than tomorrow or a workaround included.

Needs a human, if any holds: priority `urgent`; a security incident; somebody must come on site or
handle a device; rights, purchases (small accessories and medical aids excepted), new shared
resources, exceptions from a policy or another person's data are asked for, and the text does not
mention that somebody approved it; a change to a shared server, network or business system; a second
problem in another system; the writer names two systems and cannot decide; the service desk already
closed the same problem unsolved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rung.worlds.helpdesk.categories import SECURITY

Priority = Literal["low", "normal", "high", "urgent"]
PRIORITIES: tuple[Priority, ...] = ("low", "normal", "high", "urgent")
Kind = Literal["break", "ask", "question"]
Cue = Literal[
    "", "site", "team", "stopped", "hard_stop", "due_today", "due_week", "workaround", "no_rush"
]
Human = Literal["", "onsite", "approval", "change"]

_BY_CUE: dict[str, Priority] = {
    "site": "urgent",
    "hard_stop": "urgent",
    "team": "high",
    "stopped": "high",
    "due_today": "high",
    "due_week": "normal",
    "workaround": "normal",
    "no_rush": "low",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a ticket says, as far as the labels depend on it."""

    category: str
    kind: Kind
    inherent: Priority | Literal[""] = ""
    """Priority that the problem carries by itself, e.g. an outage of a site."""
    cue: Cue = ""
    human: Human = ""
    """Why the problem by itself needs a person."""
    approved: bool = False
    second_problem: bool = False
    unclear: bool = False
    repeated: bool = False


def priority(facts: Facts) -> Priority:
    """Return the priority by the rules of this file."""
    if facts.inherent:
        return facts.inherent
    if facts.cue:
        return _BY_CUE[facts.cue]
    return "low" if facts.kind == "question" else "normal"


def needs_human(facts: Facts) -> bool:
    """Return whether a person must take over, by the rules of this file."""
    return (
        facts.category == SECURITY
        or priority(facts) == "urgent"
        or facts.human in ("onsite", "change")
        or (facts.human == "approval" and not facts.approved)
        or facts.second_problem
        or facts.unclear
        or facts.repeated
    )
