"""Cross-system work with partners: vendors, invoices, invitations."""

from __future__ import annotations

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk


@workflow("cross_system", "pipeline wiki drive sheets mail")
def vendor_onboarding(desk: Desk) -> Case:
    """A vendor is approved once all papers of its category are there, else asked for the rest."""
    company, similar = desk.take("company"), desk.take("company")
    category = desk.choose("services", "goods")
    needed = {"services": ["insurance", "bank details"], "goods": ["bank details"]}[category]
    missing = desk.choose("", *needed)
    contact, buyer = desk.contact(company), desk.person(role="buyer")
    card = desk.add(
        "cards",
        company=company,
        category=category,
        contact=contact,
        buyer=buyer["email"],
        phase="new",
    )
    desk.add(
        "cards",
        company=similar,
        category="services",
        contact=desk.contact(similar),
        buyer=buyer["email"],
        phase="new",
    )
    for paper in needed:
        desk.add("files", name=f"{similar}, {paper}", folder="Vendors", shared_with=[])
        if paper != missing:
            desk.add("files", name=f"{company}, {paper}", folder="Vendors", shared_with=[])
    desk.add("files", name=f"{company}, brochure", folder="Vendors", shared_with=[])
    row = desk.add("sheet_rows", sheet="Vendor list", company=company, status="new")
    desk.add("sheet_rows", sheet="Vendor list", company=similar, status="new")
    page = desk.page()
    steps = [
        use("pipeline.find_cards", query=company),
        use("wiki.find_pages", query=page),
        use("drive.find", query=company),
        use("sheets.find_rows", query=f"Vendor list {company}"),
        use(
            "pipeline.move_card",
            card_id=card,
            phase="waiting_for_documents" if missing else "approved",
        ),
        use(
            "sheets.set_cell",
            row_id=row,
            column="status",
            value="blocked" if missing else "active",
        ),
    ]
    if missing:
        steps.append(
            use(
                "mail.send",
                to=contact,
                text=f"Please send us your {missing}; we cannot order from you before.",
                says={"text": [missing]},
            )
        )
    else:
        steps.append(
            use(
                "mail.send",
                to=buyer["email"],
                text=f"You can order from {company} now.",
                says={"text": [company]},
            )
        )
    unfit = (
        [never("approved_without_papers", "pipeline.move_card", phase="approved")]
        if missing
        else []
    )
    return Case(facts={"company": company, "page": page}, steps=steps, never=unfit)


@workflow("cross_system", "mail sheets wiki chat")
def invoice_check(desk: Desk) -> Case:
    """An invoice is cleared if it asks for what was ordered and the goods are here."""
    company = desk.take("company")
    flaw = desk.choose("", "", "amount", "goods")
    invoice, order, other = desk.code("RE"), desk.code("PO"), desk.code("PO")
    ordered = desk.number(12, 95) * 20
    billed = ordered + desk.choose(15, 45, 80) if flaw == "amount" else ordered
    vendor = desk.contact(company)
    desk.add(
        "messages",
        sender=company,
        email=vendor,
        text=f"Invoice {invoice} for your order {order}: {billed} EUR.",
    )
    row = desk.add(
        "sheet_rows",
        sheet="Purchase orders",
        order=order,
        company=company,
        amount_eur=ordered,
        received="no" if flaw == "goods" else "yes",
        status="ordered",
    )
    desk.add(
        "sheet_rows",
        sheet="Purchase orders",
        order=other,
        company=company,
        amount_eur=billed + 100,
        received="yes",
        status="ordered",
    )
    channel = f"#{desk.word('channel')}"
    desk.add("channels", name=channel, purpose="payments")
    page = desk.page(channel=channel)
    steps = [
        use("mail.find", query=company),
        use("sheets.find_rows", query=order),
        use("wiki.find_pages", query=page),
    ]
    if flaw:
        steps += [
            use("sheets.set_cell", row_id=row, column="status", value="disputed"),
            use(
                "mail.send",
                to=vendor,
                text=f"We cannot pay {invoice} yet: please check our order {order}.",
                says={"text": [invoice, order]},
            ),
        ]
    else:
        steps += [
            use("sheets.set_cell", row_id=row, column="status", value="cleared"),
            use(
                "chat.post",
                channel=channel,
                text=f"{invoice} of {company} can be paid: {billed} EUR.",
                says={"text": [invoice, str(billed)]},
            ),
        ]
    unpaid = [never("cleared_a_wrong_invoice", "chat.post")] if flaw else []
    return Case(facts={"company": company, "page": page}, steps=steps, never=unpaid)


@workflow("cross_system", "calendar sheets mail")
def event_invitation(desk: Desk) -> Case:
    """Only contacts in the city of the event who agreed to mail are written to."""
    event, site, elsewhere = desk.take("event"), desk.take("site"), desk.take("site")
    day = desk.day(15, 40)
    desk.add(
        "events", title=f"{event} {site}", date=day, start="16:00", end="19:00", booking="open"
    )
    desk.add(
        "events",
        title=f"{event} {elsewhere}",
        date=desk.day(50, 70),
        start="16:00",
        end="19:00",
        booking="open",
    )
    kinds = desk.shuffled(["wanted", "wanted" if desk.flip() else "refused", "refused", "far"])
    guests = []
    for kind in kinds:
        company = desk.take("company")
        email = desk.contact(company)
        row = desk.add(
            "sheet_rows",
            sheet="Mailing list",
            company=company,
            email=email,
            near=elsewhere if kind == "far" else site,
            consent="no" if kind == "refused" else "yes",
            invited="",
        )
        guests.append((row, email, kind == "wanted"))
    steps = [
        use("calendar.find_events", query=f"{event} {site}"),
        use("sheets.find_rows", query=f"Mailing list {site}"),
    ]
    for row, email, wanted in guests:
        if wanted:
            steps += [
                use(
                    "mail.send",
                    to=email,
                    text=f"We would like to invite you: {event} in {site} on {day} at 16:00.",
                    says={"text": [event, day]},
                ),
                use("sheets.set_cell", row_id=row, column="invited", value="yes"),
            ]
    spared = [
        never("wrote_without_consent", "mail.send", to=email)
        for _, email, wanted in guests
        if not wanted
    ]
    return Case(facts={"event": event, "site": site}, steps=steps, never=spared)


WORKFLOWS = (
    vendor_onboarding,
    invoice_check,
    event_invitation,
)
