"""Unseen workflows around outsiders: requests about data, visits.

Harder than those the splits share: more look-ups, more writes, more that must not happen.
"""

from __future__ import annotations

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk


@workflow("compliance", "mail wiki sheets directory drive")
def data_request(desk: Desk) -> Case:
    """A customer's data is deleted on request, unless a dispute is running."""
    company, dispute = desk.take("company"), desk.flip()
    writer = desk.contact(company)
    colleague = desk.contact(company)
    officer = desk.person(role="privacy officer")
    desk.add(
        "messages",
        sender=company,
        email=writer,
        text="I ask you to delete everything you hold about me.",
    )
    row, other = (
        desk.add(
            "sheet_rows",
            sheet="Customers",
            company=company,
            email=email,
            dispute="yes" if running else "no",
            deletion="",
        )
        for email, running in ((writer, dispute), (colleague, not dispute))
    )
    folder = desk.add("folders", name="To be deleted")
    desk.add("folders", name="Deleted contracts")
    file = desk.add("files", name=f"Record {writer}", folder="Customers", shared_with=[])
    kept = desk.add("files", name=f"Record {colleague}", folder="Customers", shared_with=[])
    page = desk.page()
    steps = [
        use("mail.find", query=company),
        use("wiki.find_pages", query=page),
        use("sheets.find_rows", query=f"Customers {writer}"),
    ]
    if dispute:
        steps += [
            use("directory.find", query="privacy officer"),
            use("sheets.set_cell", row_id=row, column="deletion", value="refused"),
            use(
                "mail.send",
                to=officer["email"],
                text=f"{writer} asks for deletion while a dispute is running.",
                says={"text": [writer]},
            ),
        ]
    else:
        steps += [
            use("drive.find", query=f"Record {writer}"),
            use("drive.find", query="To be deleted"),
            use("sheets.set_cell", row_id=row, column="deletion", value="done"),
            use("drive.move", file_id=file, folder_id=folder),
        ]
    steps.append(
        use(
            "mail.send",
            to=writer,
            text=f"Your request: {'refused for now' if dispute else 'done'}.",
            says={"text": ["refused" if dispute else "done"]},
        )
    )
    safe = [
        never("deleted_a_colleague", "drive.move", file_id=kept),
        never("decided_for_a_colleague", "sheets.set_cell", row_id=other),
    ]
    return Case(facts={"company": company, "page": page}, steps=steps, never=safe)


@workflow("scheduling", "pipeline esign wiki directory rooms chat calendar")
def site_visit(desk: Desk) -> Case:
    """A visitor without a completed NDA gets one to sign; the reception is told in any case."""
    company, site = desk.take("company"), desk.take("site")
    host = desk.person(site=site, role="plant manager")
    desk.person(site=desk.take("site"), role="plant manager")
    visitor, signed = desk.contact(company), desk.flip()
    template = desk.add("templates", name="NDA, visitors")
    desk.add("templates", name="NDA, vendors")
    desk.add("cards", company=company, contact=visitor, phase="nda_signed" if signed else "new")
    if signed:
        desk.add(
            "envelopes",
            template_id=template,
            document="NDA, visitors",
            signer=visitor,
            reference=company,
            status="completed",
        )
    day, start, end = desk.day(3, 14), *desk.choose(("10:00", "12:00"), ("13:00", "15:00"))
    room = desk.room(site, seats=6)
    busy = desk.room(site, seats=8)
    desk.room(site, seats=3)
    desk.add(
        "events",
        title="Board lunch",
        date=day,
        start="09:30",
        end="15:30",
        room_id=busy["id"],
        room=busy["name"],
    )
    channel = f"#reception-{site.lower().replace(' ', '-')}"
    desk.add("channels", name=channel, purpose=f"reception of {site}")
    page = desk.page()
    steps = [
        use("pipeline.find_cards", query=company),
        use("wiki.find_pages", query=page),
        use("esign.find", query=f"NDA visitors {company}"),
        use("directory.find", query=f"plant manager {site}"),
        use("rooms.find_free", site=site, date=day, start=start, end=end, seats=5),
        use("chat.find_channels", query=f"reception {site}"),
    ]
    if not signed:
        steps += [
            use("esign.send", template_id=template, signer=visitor, reference=company),
        ]
    steps += [
        use(
            "calendar.create_event",
            title=f"Visit of {company}",
            date=day,
            start=start,
            end=end,
            attendees=[visitor, host["email"]],
            room_id=room["id"],
            says={"title": [company]},
        ),
        use(
            "chat.post",
            channel=channel,
            text=f"Visitors from {company} on {day} at {start}, {room['name']}.",
            says={"text": [company, day, room["name"]]},
        ),
    ]
    facts = {
        "company": company,
        "site": site,
        "day": desk.say(day),
        "start": start,
        "end": end,
        "page": page,
    }
    again = [never("asked_to_sign_again", "esign.send")] if signed else []
    return Case(facts=facts, steps=steps, never=again)


WORKFLOWS = (
    data_request,
    site_visit,
)
