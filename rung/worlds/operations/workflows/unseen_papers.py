"""Unseen workflows around papers: notices, duplicate cards.

Harder than those the splits share: more look-ups, more writes, more that must not happen.
"""

from __future__ import annotations

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk


@workflow("legal", "notes wiki esign calendar mail")
def contract_notice(desk: Desk) -> Case:
    """Notice is given while it can be; afterwards the owner plans for another term."""
    company, document = desk.take("company"), desk.take("contract")
    owner = desk.person(team="purchasing")
    contact, in_time = desk.contact(company), desk.flip()
    number, other = desk.code("C"), desk.code("C")
    until = desk.day(5, 30) if in_time else desk.day(-25, -4)
    note = desk.add(
        "notes",
        title=f"Contract {number}, {document}, {company}",
        contact=contact,
        owner=owner["email"],
        notice_until=until,
        status="running",
    )
    kept = desk.add(
        "notes",
        title=f"Contract {other}, {desk.take('contract')}, {company}",
        contact=contact,
        owner=owner["email"],
        notice_until=desk.day(40, 90),
        status="running",
    )
    template = desk.add("templates", name="Notice of termination")
    desk.add("templates", name="Notice of change")
    review = desk.day(60, 90)
    page = desk.page()
    steps = [
        use("notes.find", query=f"{document} {company}"),
        use("wiki.find_pages", query=page),
    ]
    if in_time:
        steps += [
            use("esign.find", query="notice of termination"),
            use("esign.send", template_id=template, signer=contact, reference=number),
            use("notes.update", note_id=note, status="terminated"),
        ]
    else:
        steps += [
            use("notes.update", note_id=note, status="renewed"),
            use(
                "calendar.create_event",
                title=f"Review of {number}",
                date=review,
                start="09:00",
                end="09:30",
                attendees=[owner["email"]],
                says={"title": [number]},
            ),
        ]
    steps.append(
        use(
            "mail.send",
            to=owner["email"],
            text=f"{number}: {'terminated' if in_time else 'renewed'}.",
            says={"text": [number, "terminated" if in_time else "renewed"]},
        )
    )
    late = [] if in_time else [never("gave_notice_too_late", "esign.send")]
    wrong = never("touched_another_contract", "notes.update", note_id=kept)
    facts = {"company": company, "document": document, "day": desk.say(review), "page": page}
    return Case(facts=facts, steps=steps, never=[*late, wrong])


@workflow("cross_system", "pipeline wiki drive sheets mail")
def duplicate_cards(desk: Desk) -> Case:
    """Of two cards the one that got further stays; the other is closed, its file goes along."""
    company, similar = desk.take("company"), desk.take("company")
    buyer = desk.person(role="buyer")
    contact, old = desk.contact(company), desk.contact(company)
    phases = desk.shuffled(["approved", "waiting_for_documents"])
    cards = [
        desk.add("cards", company=company, contact=email, buyer=buyer["email"], phase=phase)
        for email, phase in zip((contact, old), phases, strict=True)
    ]
    desk.add(
        "cards",
        company=similar,
        contact=desk.contact(similar),
        buyer=buyer["email"],
        phase="approved",
    )
    best = phases.index("approved")
    stays, goes = cards[best], cards[1 - best]
    folders = {card: desk.add("folders", name=f"Card {card}") for card in desk.shuffled(cards)}
    file = desk.add(
        "files",
        name=f"Offer {company}",
        folder_id=folders[goes],
        folder=f"Card {goes}",
        shared_with=[],
    )
    rows = {
        card: desk.add(
            "sheet_rows", sheet="Vendor list", company=company, card=card, status="active"
        )
        for card in desk.shuffled(cards)
    }
    page = desk.page()
    steps = [
        use("pipeline.find_cards", query=company),
        use("wiki.find_pages", query=page),
        use("drive.find", query=f"Offer {company}"),
        use("drive.find", query=f"Card {stays}"),
        use("sheets.find_rows", query=f"Vendor list {company}"),
        use("pipeline.move_card", card_id=goes, phase="closed"),
        use("drive.move", file_id=file, folder_id=folders[stays]),
        use("sheets.set_cell", row_id=rows[goes], column="status", value="duplicate"),
        use(
            "mail.send",
            to=buyer["email"],
            text=f"{company}: please use {stays}; {goes} is closed.",
            says={"text": [stays, goes]},
        ),
    ]
    kept = never("closed_the_better_card", "pipeline.move_card", card_id=stays)
    return Case(facts={"company": company, "page": page}, steps=steps, never=[kept])


WORKFLOWS = (
    contract_notice,
    duplicate_cards,
)
