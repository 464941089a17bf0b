"""The shapes a ticket comes in: mail, plain text, chat, form, call note, forwarded mail, voicemail.

A style adds names, subject and layout around the sentences of story.py and no fact of its own.
The urgency a user picks in a form and a shouting subject are noise on purpose (labels.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from rung.worlds import noise
from rung.worlds.helpdesk.labels import Facts
from rung.worlds.helpdesk.phrases import Family, Slots

P_GENERIC_SUBJECT, P_CATEGORY_SUBJECT, P_SHOUT, P_FOREIGN = 0.2, 0.35, 0.08, 0.12
_FILLERS = ("uhm", "so", "yeah", "well", "er", "okay")
_STOP = re.compile(r"[.?] ")


def _mail(family: Family, facts: Facts, sentences: list[str], slots: Slots) -> str:
    random, chatter = slots.random, slots.bank.chatter
    is_foreign = random.random() < P_FOREIGN
    greeting = random.choice(chatter["greeting_foreign" if is_foreign else "greeting"])
    body = _paragraphs(sentences, random)
    if is_foreign:
        body = noise.foreign(body, random)
        if random.random() < 0.4:
            body = f"{random.choice(chatter['opener_foreign'])} {body}"
    subject = _subject(family, slots)
    if facts.repeated and random.random() < 0.5:
        subject = slots.fill(f"Re: [{{inc}}] {subject}")
        quote = f"\n\n{slots.fill(random.choice(chatter['quoted_closing']))}"
    else:
        quote = ""
    text = f"{greeting}\n{noise.type_out(body, random)}\n{_signature(slots)}{quote}"
    return f"Subject: {subject}\n{text}"


def _plain(family: Family, facts: Facts, sentences: list[str], slots: Slots) -> str:
    text = " ".join(sentences)
    if slots.random.random() < P_FOREIGN:
        text = noise.foreign(text, slots.random)
    return noise.type_out(text, slots.random)


def _chat(family: Family, facts: Facts, sentences: list[str], slots: Slots) -> str:
    random, chatter = slots.random, slots.bank.chatter
    text = noise.shorten(" ".join(sentences), random)
    if random.random() < 0.7:
        text = noise.lower_leads(text)
    if random.random() < 0.5:
        text = text.removesuffix(".").replace(". ", random.choice((", ", " ... ", "\n", ". ")))
    text = noise.type_out(text, random, p_clean=0.4)
    start, end = random.choice(chatter["chat_start"]), random.choice(chatter["chat_end"])
    gap = " " if start.endswith(":") else random.choice((", ", "\n"))
    return f"{start}{gap}{text} {end}".rstrip()


def _form(family: Family, facts: Facts, sentences: list[str], slots: Slots) -> str:
    random = slots.random
    lines = [
        f"Title: {_subject(family, slots)}",
        f"User: {slots.person()}, {slots.fill('{mydept}')}",
    ]
    if random.random() < 0.4:
        lines.append(f"Device: {slots.fill('{asset}')}")
    if random.random() < 0.3:
        lines.append(
            f"Urgency (chosen by user): {random.choice(('Low', 'Medium', 'High', 'High'))}"
        )
    lines.append(f"Description: {noise.type_out(' '.join(sentences), random)}")
    return "\n".join(lines)


def _call_note(family: Family, facts: Facts, sentences: list[str], slots: Slots) -> str:
    random = slots.random
    caller = slots.fill(f"{slots.person()} ({{mydept}}, ext. {{ext}})")
    start = random.choice(
        (f"Call from {caller}:", f"Walk-in, {caller}:", f"Logged by phone for {caller}. Says:")
    )
    return f'{start} "{noise.type_out(" ".join(sentences), random)}"'


def _forward(family: Family, facts: Facts, sentences: list[str], slots: Slots) -> str:
    random = slots.random
    sender, forwarder = slots.person(), slots.person()
    note = random.choice(
        (
            f"Can you help {sender.split()[0]} with this please?",
            "This landed in my inbox by mistake, please take over.",
            "FYI, I think this is for you.",
            f"Forwarding for {sender.split()[0]}, who has no access to the portal.",
        )
    )
    body = noise.type_out(" ".join(sentences), random)
    return (
        f"{note}\n{forwarder}\n\n-- Forwarded --\nFrom: {sender}\n"
        f"Subject: {_subject(family, slots)}\n{body}\n{sender.split()[0]}"
    )


def _voicemail(family: Family, facts: Facts, sentences: list[str], slots: Slots) -> str:
    random = slots.random
    text = noise.lower_leads(" ".join(sentences)).rstrip(".?")
    text = _STOP.sub(lambda _: f" {random.choice(_FILLERS)} ", text)
    start = f"Voicemail, {slots.number(14, 58)} s: {random.choice(_FILLERS)} hi this is"
    caller = f"{slots.person()} from {slots.fill('{mydept}')}"
    return f"{start} {caller} {text} {random.choice(('bye', 'thanks bye', 'call me back'))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """One shape of a ticket."""

    write: Callable[[Family, Facts, list[str], Slots], str]
    share: float
    """Share of all tickets; the shares of all styles add up to 1."""
    talkative: float
    """How much its writers say beside the problem, 0 to 1."""
    spoken: bool = False


STYLES: tuple[Style, ...] = (
    Style(write=_mail, share=0.4, talkative=1.0),
    Style(write=_plain, share=0.15, talkative=0.8),
    Style(write=_chat, share=0.17, talkative=0.45),
    Style(write=_form, share=0.1, talkative=0.7),
    Style(write=_call_note, share=0.08, talkative=0.6, spoken=True),
    Style(write=_forward, share=0.06, talkative=0.6),
    Style(write=_voicemail, share=0.04, talkative=0.5, spoken=True),
)


def _subject(family: Family, slots: Slots) -> str:
    random, chatter = slots.random, slots.bank.chatter
    kind = random.random()
    if kind < P_GENERIC_SUBJECT:
        subject = random.choice(chatter["subject_generic"])
    elif kind < P_GENERIC_SUBJECT + P_CATEGORY_SUBJECT:
        subject = random.choice(slots.bank.categories[family.category].subject)
    else:
        subject = slots.fill(random.choice(family.subject))
    if random.random() < P_SHOUT:
        subject = random.choice(chatter["shout"]) + subject
    return subject


def _signature(slots: Slots) -> str:
    random, chatter = slots.random, slots.bank.chatter
    name = slots.person()
    kind = random.random()
    if kind < 0.12:
        return random.choice(chatter["phone_footer"])
    closing = random.choice(chatter["closing"])
    if kind < 0.5:
        return f"{closing} {name.split()[0]}"
    if kind < 0.75:
        return f"{closing}\n{name}"
    return slots.fill(f"{closing}\n{name}\n{{mydept}} | {{mysite}}")


def _paragraphs(sentences: list[str], random: Random) -> str:
    if len(sentences) > 3 and random.random() < 0.4:
        at = random.randrange(1, len(sentences))
        return f"{' '.join(sentences[:at])}\n{' '.join(sentences[at:])}"
    return " ".join(sentences)
