"""The parts of a mail: sender, subject, body, signature, and what hangs below.

Signatures, footers and quoted earlier mails are full of names, numbers and days that fill no field.
The shapes that use these parts are in styles.py.
"""

from __future__ import annotations

from random import Random

from rung.worlds import noise
from rung.worlds.orders.bank import Family
from rung.worlds.orders.slots import Slots
from rung.worlds.orders.story import Told

P_FOREIGN, P_QUOTE, P_INTRODUCTION, P_FOOTER = 0.12, 0.2, 0.15, 0.15


def write_sender(slots: Slots, with_company: bool) -> str:
    """Return what follows "From:"; the customer's full name is always in it."""
    random = slots.random
    if slots.order.company and (with_company or random.random() < 0.3):
        return slots.fill(random.choice(("{customer}, {company}", "{customer} ({company})")))
    return slots.fill(random.choice(("{customer} <{address}>", "{customer}")))


def write_subject(family: Family, told: Told, slots: Slots) -> str:
    """Return a subject line; it tells the order number where the message does not."""
    random = slots.random
    if told.subject_has_id or ("order_id" in slots.told and random.random() < 0.2):
        return slots.fill(random.choice(slots.bank.chatter["subject_id"]))
    return slots.fill(random.choice(slots.bank.subjects[family.kind]))


def write_body(told: Told, slots: Slots, *, introduce: bool) -> str:
    """Return greeting and text; `introduce` makes sure that the company is named."""
    random, chatter = slots.random, slots.bank.chatter
    sentences = list(told.sentences)
    if introduce or random.random() < P_INTRODUCTION:
        phrases = chatter["introduction" if slots.order.company else "introduction_private"]
        sentences.insert(0, slots.fill(random.choice(phrases)))
    text = _paragraphs(sentences, random)
    if random.random() < P_FOREIGN:
        text = noise.foreign(text, random)
    greeting = slots.fill(random.choice(chatter["greeting"]))
    return f"{greeting}\n{noise.type_out(text, random)}"


def _paragraphs(sentences: list[str], random: Random) -> str:
    if len(sentences) > 2 and random.random() < 0.5:
        at = random.randrange(1, len(sentences))
        return f"{flow(sentences[:at])}\n\n{flow(sentences[at:])}"
    return flow(sentences)


def flow(sentences: list[str]) -> str:
    """Join sentences; what follows a list starts a line of its own."""
    parts = [sentence + ("\n" if "\n" in sentence else " ") for sentence in sentences]
    return "".join(parts).rstrip()


def write_signature(slots: Slots) -> tuple[str, str]:
    """Return a kind of signature and its text; `full` and `short` name customer and company."""
    random, company = slots.random, slots.order.company
    kind = random.choices(
        ("full", "short", "name", "first", "phone", "none"), (30, 28, 18, 10, 9, 5)
    )[0]
    closing = random.choice(slots.order.culture.closing) + random.choice((",", "", "\n"))
    if kind == "none":
        return kind, ""
    if kind == "phone":
        return kind, random.choice(slots.bank.chatter["phone_footer"])
    if kind == "first":
        return kind, slots.fill(f"{closing}\n{{first}}")
    rows = [closing, "{customer}"]
    if kind == "full" and company:
        rows += ["{role}"] if random.random() < 0.6 else []
        rows += ["{company}", "{street}, {city}", "Tel. {phone}"]
    elif kind == "full":
        rows += ["{street}, {city}", "{phone}"]
    elif kind == "short" and company:
        rows[1] = random.choice(
            ("{customer} | {company}", "{customer}\n{company}", "{customer}, {company}")
        )
    return kind, slots.fill("\n".join(rows))


def write_tail(family: Family, slots: Slots) -> str:
    """Return what hangs below a mail: a footer, or an earlier mail of the seller."""
    random, chatter = slots.random, slots.bank.chatter
    hanging = ""
    if random.random() < P_FOOTER:
        hanging += "\n--\n" + slots.fill(random.choice(chatter["footer"]))
    if random.random() < P_QUOTE:
        lines = chatter["quoted_existing" if family.existing else "quoted_new"]
        known = [line for line in lines if "{id}" not in line or "order_id" in slots.told]
        known = [line for line in known if slots.is_new(line.replace("{id}", ""))] or known
        when = slots.fill("On {past} {staff} wrote:")
        hanging += f"\n\n{when}\n" + slots.fill(random.choice(known))
    return hanging
