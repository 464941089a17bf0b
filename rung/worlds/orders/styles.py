"""The shapes a message comes in: mail, chat, forwarded mail, voicemail, call note, web form.

A style tells who writes, for which company and, where a reader needs it, on which day; otherwise it
adds noise. The parts of a mail are in letter.py. No other fact is told here but an order number in
the subject.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from rung.worlds import noise
from rung.worlds.orders.bank import Family
from rung.worlds.orders.dates import write_header
from rung.worlds.orders.letter import (
    flow,
    write_body,
    write_sender,
    write_signature,
    write_subject,
    write_tail,
)
from rung.worlds.orders.slots import Slots
from rung.worlds.orders.story import Told

P_DATE, P_SLIP, P_AGENT_START, P_AGENT = 0.6, 0.2, 0.4, 0.3
_FILLERS = ("uhm", "so", "yeah", "well", "er", "okay", "and")
_STOP = re.compile(r"[.?!] ")


def _mail(family: Family, told: Told, slots: Slots) -> str:
    random = slots.random
    kind, signature = write_signature(slots)
    has_sender = random.random() < 0.4 or kind in ("first", "phone", "none")
    nameless = slots.order.company is not None and kind not in ("full", "short")
    head = [f"From: {write_sender(slots, nameless)}"] if has_sender else []
    body = write_body(told, slots, introduce=nameless and not has_sender)
    head += _dated(f"{random.choice(('Date', 'Sent'))}: ", slots)
    head.append(f"Subject: {write_subject(family, told, slots)}")
    return "\n".join((*head, "", body, signature + write_tail(family, slots))).rstrip()


def _forward(family: Family, told: Told, slots: Slots) -> str:
    random = slots.random
    note = slots.fill(random.choice(slots.bank.chatter["forward_note"]))
    rule = random.choice(
        ("---------- Forwarded message ---------", "-----Original Message-----", "-- Forwarded --")
    )
    _, signature = write_signature(slots)
    body = write_body(told, slots, introduce=False)
    head = [f"From: {write_sender(slots, True)}"]
    head += _dated(f"{random.choice(('Date', 'Sent'))}: ", slots)
    head.append(f"Subject: {write_subject(family, told, slots)}")
    return "\n".join((note, "", rule, *head, "", body, signature)).rstrip()


def _chat(family: Family, told: Told, slots: Slots) -> str:
    random, chatter = slots.random, slots.bank.chatter
    lines = [noise.shorten(sentence, random) for sentence in told.sentences]
    if random.random() < 0.6:
        lines = [noise.lower_leads(line) for line in lines]
    in_lines = random.random() < 0.5
    if in_lines and random.random() < 0.7:
        lines = [line.removesuffix(".") for line in lines]
    lines = [noise.slip(line, random, count=int(random.random() < P_SLIP)) for line in lines]
    lines[0] = f"{random.choice(chatter['chat_start'])}, {lines[0]}"
    end = [word] if (word := random.choice(chatter["chat_end"])) else []
    day = _dated("", slots)
    kind = random.random()
    if kind < 0.5:
        head = ", ".join([slots.fill("Chat with {party}"), *day])
        return "\n".join((head, *_dialogue([*lines, *end], slots)))
    if kind < 0.75:
        stamp = f" [{day[0]}]" if day else ""
        lines = [f"{slots.fill('{party}')}{stamp}: {lines[0]}", *lines[1:], *end]
    else:
        lines = [*lines, _introduction(slots), *end]
        lines[0] = "\n".join([*day, lines[0]])
    return "\n".join(lines) if in_lines else flow(lines)


def _voicemail(family: Family, told: Told, slots: Slots) -> str:
    random, chatter = slots.random, slots.bank.chatter
    text = noise.lower_leads(" ".join(told.sentences)).rstrip(".?!")
    text = _STOP.sub(lambda _: f" {random.choice(_FILLERS)} ", text)
    box = random.choice(("Voicemail", "Voice message", "Mailbox"))
    head = ", ".join([box, *_dated("", slots), f"{random.randint(15, 70)} s"])
    caller = "{customer} from {company}" if slots.order.company else "{customer}"
    start = f"{random.choice(chatter['spoken_start'])} {caller} {random.choice(_FILLERS)}"
    end = random.choice(chatter["spoken_end"])
    return f"{head}: {slots.fill(start)} {text} {slots.fill(end)}"


def _call_note(family: Family, told: Told, slots: Slots) -> str:
    random = slots.random
    start = slots.fill(random.choice(slots.bank.chatter["call_start"]))
    text = noise.type_out(flow(told.sentences), random)
    taken = slots.fill("\n(taken by {staff}, ext. {ext})") if random.random() < 0.5 else ""
    return ". ".join([*_dated("", slots), f'{start} "{text}"{taken}'])


def _web_form(family: Family, told: Told, slots: Slots) -> str:
    random = slots.random
    text = noise.type_out(flow(told.sentences), random)
    rows = ["Name: {customer}"]
    if slots.order.company:
        rows.append(f"{random.choice(('Company', 'Firm', 'Organisation'))}: {{company}}")
    rows += [row for row in ("E-mail: {address}", "Phone: {phone}") if random.random() < 0.6]
    rows += _dated("Submitted: ", slots)
    if random.random() < 0.8:
        random.shuffle(rows)
    rows += [f"Subject: {write_subject(family, told, slots)}", f"Message: {text}"]
    return slots.fill("\n".join(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """One shape of a message."""

    write: Callable[[Family, Told, Slots], str]
    share: float
    """Share of all messages; the shares of all styles add up to 1."""
    talkative: float
    """How much its writers say beside the order, 0 to 1."""
    has_subject: bool = False
    spoken: bool = False


STYLES: tuple[Style, ...] = (
    Style(write=_mail, share=0.4, talkative=1.0, has_subject=True),
    Style(write=_chat, share=0.2, talkative=0.6),
    Style(write=_forward, share=0.13, talkative=0.9, has_subject=True),
    Style(write=_voicemail, share=0.09, talkative=0.6, spoken=True),
    Style(write=_call_note, share=0.08, talkative=0.6, spoken=True),
    Style(write=_web_form, share=0.1, talkative=0.8, has_subject=True),
)


def _dated(label: str, slots: Slots) -> list[str]:
    """Return the date of the message where a reader needs it, and often where nobody does."""
    if not slots.needs_today and slots.random.random() >= P_DATE:
        return []
    time = f", {slots.random.randint(7, 18)}:{slots.random.randint(0, 59):02d}"
    day = write_header(slots.order.today, slots.random)
    return [f"{label}{day}{slots.random.choice(('', time, time))}"]


def _introduction(slots: Slots) -> str:
    """Return a sentence that names the customer, and the company where there is one."""
    company = slots.order.company
    phrases = slots.bank.chatter["introduction" if company else "introduction_private"]
    need = ("{customer}", "{company}") if company else ("{customer}",)
    naming = [line for line in phrases if all(part in line for part in need)]
    return slots.fill(slots.random.choice(naming))


def _dialogue(lines: list[str], slots: Slots) -> list[str]:
    """Set chat lines in turns, with an agent who says nothing of weight in between."""
    random = slots.random
    writer, agent = slots.fill("{first}"), slots.fill("{staff_first}")
    start, between = slots.bank.chatter["agent_start"], slots.bank.chatter["agent"]
    turns = []
    if random.random() < P_AGENT_START:
        turns.append(f"{agent}: {slots.fill(random.choice(start))}")
    for at, line in enumerate(lines):
        if at and random.random() < P_AGENT:
            turns.append(f"{agent}: {random.choice(between)}")
        turns.append(f"{writer}: {line}")
    return turns
