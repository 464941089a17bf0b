"""The bundled `helpdesk-reply` task: which approved first response a ticket gets, if any.

The same phrases as `helpdesk`, dealt to the splits alike, as the queue for passwords, installs and
access gets them: those three are four fifths of it, the rest has strayed in, incidents too. A
ticket goes to a person when it is urgent, names two problems or two systems, was closed unsolved
before, asks for an exception, or is about anything else.

Costs: a wrong first response means that somebody writes again (USD 2). A person costs 6. A canned
text on a ticket for people delays it (15), to an incident it costs 500, and starting without an
approval undoes rights (60). Ours, not measured, after the published 2 and 500.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import permutations
from random import Random
from types import MappingProxyType
from typing import Any

from rung.core.records import Split
from rung.core.seeds import stream
from rung.tasks.task import ErrorCost, Example, FieldScoring, Forbidden, GateRules, Replies
from rung.worlds.deal import write_splits
from rung.worlds.helpdesk.categories import CATEGORIES, SECURITY
from rung.worlds.helpdesk.generate import Ticket, Told, plan, tell_ticket
from rung.worlds.helpdesk.labels import Facts, priority
from rung.worlds.helpdesk.phrases import load

PERSON, INCIDENT = "person", "incident"
AGAIN_USD, PERSON_USD, DELAYED_USD, UNAPPROVED_USD, INCIDENT_USD = 2.0, 6.0, 15.0, 60.0, 500.0
_OWN_SHARES = {"password_reset": 0.34, "access_request": 0.26, "software_install": 0.2}
_INCIDENT_SHARE = 0.04
_KEPT_DOUBTS = 0.4
"""Share of the doubtful tickets of `helpdesk` that this queue gets."""
_PROGRAM_SLOTS = ("app", "tool", "bizapp")

INSTRUCTION = (
    "Choose the first response to an IT ticket. reset_self_service: a password that its owner can"
    " set alone; reset_identity: one that only we can set, or a PIN. install_portal: a program of"
    " ours, named in the ticket, to install, update or remove; which_program: the same without its"
    " name. approved_start: rights or a program for which an approval is mentioned or none is"
    " needed; approval_missing: one is needed and not mentioned. incident: attack, fraud, lost"
    " device, leaked data. person: all else, and whatever is urgent (ten or more people, harm, two"
    " hours), reported before, about two problems, unclear, or wants an exception from a policy."
    " program is the name of the program the ticket is about, null if none is named."
)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "replies.toml").read_text(encoding="utf-8"))


def programs() -> tuple[str, ...]:
    """Return the names in the software centre, longest first."""
    bank = load()
    return tuple(sorted({n for s in _PROGRAM_SLOTS for n in bank.slots[s]}, key=len, reverse=True))


def _program_pattern() -> str:
    return rf"(?<![\w-])(?:{'|'.join(map(re.escape, programs()))})(?![\w-])"


def _schema() -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "reply": {
                "enum": [*_table()["texts"], INCIDENT, PERSON],
                "description": "first response, or who takes over",
            },
            "program": {
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": 24,
                "description": "program it is about",
                "x-rung": {"extractive": True, "find": _program_pattern()},
            },
        },
        "required": ["reply", "program"],
        "additionalProperties": False,
    }


def generate(
    *, num_train: int = 1500, num_dev: int = 300, num_holdout: int = 300, seed: int = 0
) -> dict[Split, list[Example]]:
    """Return the examples of each split; raises ConfigError when a size is negative."""

    def write(split: Split, size: int, start: int) -> list[Example]:
        told = plan(split, size, _shares(), seed, task="helpdesk-reply")
        random = stream(seed, "helpdesk-reply", split, "tickets")
        return [
            _example(_tell(one, random), split, f"hr-{start + i:06d}") for i, one in enumerate(told)
        ]

    return write_splits(num_train, num_dev, num_holdout, write)


def _tell(told: Told, random: Random) -> Ticket:
    """Write a ticket; of those in doubt some are told again, without."""
    ticket = tell_ticket(told, random)
    tries = 0
    while is_doubtful(ticket.facts) and tries < 3 and random.random() >= _KEPT_DOUBTS:
        ticket = tell_ticket(told, random)
        tries += 1
    return ticket


def is_doubtful(facts: Facts) -> bool:
    """Return whether a ticket needs a person whatever it is about."""
    doubts = (facts.second_problem, facts.unclear, facts.repeated)
    return any(doubts) or priority(facts) == "urgent"


def _shares() -> Mapping[str, float]:
    own = {**_OWN_SHARES, SECURITY: _INCIDENT_SHARE}
    rest = {category.id: category.share for category in CATEGORIES if category.id not in own}
    scale = (1.0 - sum(own.values())) / sum(rest.values())
    return {c.id: own.get(c.id, rest.get(c.id, 0.0) * scale) for c in CATEGORIES}


def _example(ticket: Ticket, split: Split, id: str) -> Example:
    program = program_of(ticket)
    family = ticket.family
    return Example(
        id=id,
        input=ticket.text,
        target={"reply": reply_of(ticket, program), "program": program},
        group=f"{family.category}.{family.id}@{split}",
    )


def program_of(ticket: Ticket) -> str | None:
    """Return the program that the ticket names, None where it names none."""
    pattern = re.compile(_program_pattern())
    own = pattern.findall(ticket.slots.fill(ticket.wording))
    said = pattern.findall(ticket.text)
    return next((name for name in (*own, *said) if name in said), None)


def reply_of(ticket: Ticket, program: str | None) -> str:
    """Return the first response by the rules of this file."""
    facts, family = ticket.facts, ticket.family
    if facts.category == SECURITY:
        return INCIDENT
    kinds = _table()["families"].get(family.category, {})
    kind = next((name for name, ids in kinds.items() if family.id in ids), "")
    if is_doubtful(facts) or not kind or facts.human in ("onsite", "change"):
        return PERSON
    if kind == "approval":
        return "approved_start" if facts.approved else "approval_missing"
    if kind == "portal":
        return "install_portal" if program else "which_program"
    return {
        "self_service": "reset_self_service",
        "identity": "reset_identity",
        "start": "approved_start",
    }[kind]


def task_fields() -> dict[str, Any]:
    """Return the keyword arguments of a Task, other than its name, path and examples."""
    texts = _table()["texts"]
    return {
        "title": "First responses of the IT helpdesk",
        "instruction": INSTRUCTION,
        "schema": _schema(),
        "scoring": {
            "reply": FieldScoring(weight=0.8),
            "program": FieldScoring(weight=0.2, strict_at=0.0),
        },
        "error_cost": ErrorCost(field="reply", pairs=MappingProxyType(_pairs(tuple(texts)))),
        "replies": Replies(field="reply", texts=MappingProxyType(dict(texts))),
        "gate": GateRules(
            margin=0.03,
            alpha=0.05,
            forbidden=(
                Forbidden(
                    name="incident_answered_by_text",
                    field="reply",
                    true=INCIDENT,
                    predicted=tuple(texts),
                    max_rate=0.01,
                ),
            ),
        ),
        "volume_per_day": 400.0,
        "default_limit": 60,
    }


def _pairs(canned: tuple[str, ...]) -> dict[tuple[str, str], float]:
    """Return the cost of each confusion, by (true, said), and of no answer at all."""
    people = (INCIDENT, PERSON)
    costs: dict[tuple[str, str], float] = {}
    for true, said in permutations((*canned, *people), 2):
        if said in people:
            costs[true, said] = 0.0 if true in people else PERSON_USD
        elif true in people:
            costs[true, said] = INCIDENT_USD if true == INCIDENT else DELAYED_USD
        else:
            unapproved = (true, said) == ("approval_missing", "approved_start")
            costs[true, said] = UNAPPROVED_USD if unapproved else AGAIN_USD
    return {**costs, **{(true, "*"): PERSON_USD for true in (*canned, *people)}}
