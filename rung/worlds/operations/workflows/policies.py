"""Compliance with rules of the house: policies and access rights."""

from __future__ import annotations

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk


@workflow("compliance", "wiki directory mail")
def policy_notice(desk: Desk) -> Case:
    """The leads of the teams named on the page are told; the page keeps a record of it."""
    policy = desk.take("policy")
    teams = desk.shuffled(["Sales", "Finance", "Logistics", "Purchasing", "Support"])
    leads = [desk.person(team=team, role="team lead") for team in teams[:4]]
    for team in teams[:2]:
        desk.person(team=team, role="member")
    bound = desk.number(1, 2)
    day = desk.day(10, 40)
    scope = " and ".join(teams[:bound])
    text = desk.word("policy").format(day=day, scope=scope)
    page = desk.add("pages", title=policy, text=text)
    desk.add("pages", title=desk.take("policy"), text="Applies to everybody. No changes planned.")
    steps = [
        use("wiki.find_pages", query=policy),
        *(use("directory.find", query=team) for team in teams[:bound]),
        *(
            use(
                "mail.send",
                to=lead["email"],
                text=f"{policy} has changed; the new version applies from {day}.",
                says={"text": [policy, day]},
            )
            for lead in leads[:bound]
        ),
        use(
            "wiki.append",
            page_id=page,
            text=f"Team leads told on {desk.today}.",
            says={"text": [desk.today.isoformat()]},
        ),
    ]
    spared = [
        never("told_a_team_out_of_scope", "mail.send", to=lead["email"]) for lead in leads[bound:]
    ]
    return Case(facts={"policy": policy}, steps=steps, never=spared)


@workflow("compliance", "directory sheets wiki mail")
def access_review(desk: Desk) -> Case:
    """Who changes teams keeps what the new team or everybody uses and loses the rest."""
    old, new = desk.shuffled(["Sales", "Finance", "Logistics", "Support"])[:2]
    manager = desk.person(team=new, role="team lead")
    desk.person(team=old, role="team lead")
    mover = desk.person(team=new, role="member", manager=manager["email"])
    desk.namesake(mover, team=old, role="member", manager="none")
    owners = desk.shuffled([old, new, "everybody"])[: desk.number(2, 3)]
    if old not in owners:
        owners[0] = old
    rows = [
        desk.add(
            "sheet_rows",
            sheet="Access review",
            person=mover["name"],
            system=desk.take("system"),
            used_by=owner,
            decision="",
        )
        for owner in owners
    ]
    revoked = desk.tables["sheet_rows"][owners.index(old)]["system"]
    page = desk.page()
    steps = [
        use("directory.find", query=mover["name"]),
        use("sheets.find_rows", query=f"Access review {mover['name']}"),
        use("wiki.find_pages", query=page),
        *(
            use(
                "sheets.set_cell",
                row_id=row,
                column="decision",
                value="revoke" if owner == old else "keep",
            )
            for row, owner in zip(rows, owners, strict=True)
        ),
        use(
            "mail.send",
            to=manager["email"],
            text=f"{mover['name']} loses access to {revoked}.",
            says={"text": [mover["name"], revoked]},
        ),
    ]
    kept = [
        never("revoked_needed_access", "sheets.set_cell", row_id=row, value="revoke")
        for row, owner in zip(rows, owners, strict=True)
        if owner != old
    ]
    return Case(facts={"person": mover["name"], "page": page}, steps=steps, never=kept)


WORKFLOWS = (
    policy_notice,
    access_review,
)
