"""Unseen workflows around defects: warranties, audits.

Harder than those the splits share: more look-ups, more writes, more that must not happen.
"""

from __future__ import annotations

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk


@workflow("facilities", "assets wiki directory mail")
def warranty_claim(desk: Desk) -> Case:
    """Within the warranty the seller repairs, afterwards the site's own workshop does."""
    site, kind = desk.take("site"), desk.take("machine")
    holder = desk.person(site=site, team="production")
    serial, covered = desk.code("Q"), desk.flip()
    names = [f"{desk.take('last')} Machines" for _ in range(2)]
    seller, other = (desk.add("vendors", name=name, service=f"seller of {kind}") for name in names)
    workshops = [
        desk.add("vendors", name=f"Workshop {place}", service="own workshop", site=place)
        for place in (site, desk.take("site"))
    ]
    until = desk.day(30, 300) if covered else desk.day(-300, -20)
    machine = desk.add(
        "assets",
        name=f"{kind} {serial}",
        site=site,
        holder=holder["email"],
        seller=names[0],
        warranty_until=until,
        status="in_use",
    )
    desk.add(
        "assets",
        name=f"{kind} {desk.code('Q')}",
        site=site,
        holder=holder["email"],
        seller=names[1],
        warranty_until=desk.day(30, 300),
        status="in_use",
    )
    day = desk.day(1, 9)
    page = desk.page()
    steps = [
        use("assets.find", query=serial),
        use("wiki.find_pages", query=page),
        use("directory.find", query=names[0] if covered else f"own workshop {site}"),
        use("assets.set_status", asset_id=machine, status="in_repair"),
        use(
            "assets.book_service",
            asset_id=machine,
            vendor_id=seller if covered else workshops[0],
            date=day,
        ),
        use(
            "mail.send",
            to=holder["email"],
            text=f"The {kind} {serial} will be repaired on {day}.",
            says={"text": [serial, day]},
        ),
    ]
    paid = (
        [] if covered else [never("billed_by_the_seller", "assets.book_service", vendor_id=seller)]
    )
    wrong = never("called_the_wrong_seller", "assets.book_service", vendor_id=other)
    facts = {"kind": kind, "serial": serial, "site": site, "day": desk.say(day), "page": page}
    return Case(facts=facts, steps=steps, never=[*paid, wrong])


@workflow("compliance", "sheets wiki drive directory tickets")
def audit_finding(desk: Desk) -> Case:
    """Findings past their day with nothing in the drive to show for them become tickets."""
    site, audit = desk.take("site"), desk.code("AU")
    lead = desk.person(site=site, role="quality lead")
    desk.person(site=desk.take("site"), role="quality lead")
    states = desk.shuffled(["late", "late" if desk.flip() else "proved", "proved", "early"])
    rows = []
    for at, state in enumerate(states, start=1):
        finding = f"{audit}.{at}"
        due = desk.day(10, 30) if state == "early" else desk.day(-20, -4)
        row = desk.add(
            "sheet_rows", sheet="Findings", finding=finding, site=site, due=due, result="open"
        )
        if state == "proved":
            desk.add("files", name=f"Proof for {finding}", folder="Audits", shared_with=[])
        rows.append((row, finding, state))
    page = desk.page()
    steps = [
        use("sheets.find_rows", query=f"Findings {site}"),
        use("wiki.find_pages", query=page),
        use("drive.find", query="proof"),
        use("directory.find", query=f"quality lead {site}"),
    ]
    for row, finding, state in rows:
        if state == "proved":
            steps.append(use("sheets.set_cell", row_id=row, column="result", value="closed"))
        elif state == "late":
            steps += [
                use("sheets.set_cell", row_id=row, column="result", value="overdue"),
                use(
                    "tickets.create",
                    title=f"Overdue finding {finding}",
                    priority="high",
                    assignee=lead["email"],
                    says={"title": [finding]},
                ),
            ]
    calm = [
        never("pressed_too_early", "sheets.set_cell", row_id=row)
        for row, _, state in rows
        if state == "early"
    ]
    return Case(facts={"audit": audit, "site": site, "page": page}, steps=steps, never=calm)


WORKFLOWS = (
    warranty_claim,
    audit_finding,
)
