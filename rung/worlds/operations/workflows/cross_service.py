"""Cross-system work around tickets: incidents, escalations, releases, minutes."""

from __future__ import annotations

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk
from rung.worlds.tables import Row


def _channel(desk: Desk, name: str, purpose: str) -> str:
    desk.add("channels", name=name, purpose=purpose)
    return name


@workflow("cross_system", "tickets wiki chat")
def incident_report(desk: Desk) -> Case:
    """An outage gets a wiki report, its ticket the priority that the number of users gives."""
    system, many = desk.take("system"), desk.number(4, 9) * 10
    wide = desk.flip()
    users = many + desk.number(5, 90) if wide else many - desk.number(5, 30)
    channel = _channel(desk, f"#{desk.word('channel')}", "news on outages")
    _channel(desk, "#lunch", "who eats where")
    base = {"status": "open", "comments": []}
    ticket = desk.add("tickets", title=f"{system} is down", users=users, priority="normal", **base)
    desk.add("tickets", title=f"Question about {system}", users=1, priority="low", **base)
    desk.add("tickets", title=f"{desk.take('system')} is down", users=12, priority="low", **base)
    page = desk.page(many=many, channel=channel)
    report = f"W-{max(int(row['id'][2:]) for row in desk.tables['pages']) + 1}"
    steps = [
        use("tickets.find", query=system),
        use("wiki.find_pages", query=page),
        use(
            "wiki.create_page",
            space="Incidents",
            title=f"Outage of {system}",
            text=f"{system} is down. Ticket {ticket}, {users} users.",
            says={"title": [system], "text": [ticket]},
        ),
        use(
            "tickets.update",
            ticket_id=ticket,
            priority="urgent" if wide else "high",
            comment=f"Report: {report}",
            says={"comment": [report]},
        ),
        use(
            "chat.post",
            channel=channel,
            text=f"{system} is down, see {ticket}.",
            says={"text": [system, ticket]},
        ),
    ]
    return Case(facts={"system": system, "page": page}, steps=steps)


@workflow("cross_system", "mail tickets sheets wiki directory")
def customer_escalation(desk: Desk) -> Case:
    """Gold customers get urgent and their account manager, all others high and the desk's lead."""
    company, similar = desk.take("company"), desk.take("company")
    gold = desk.flip()
    manager, lead = desk.person(role="account manager"), desk.person(role="service desk lead")
    writer = desk.contact(company)
    for name, level in ((company, gold), (similar, not gold)):
        desk.add(
            "sheet_rows",
            sheet="Contracts",
            company=name,
            level="gold" if level else "standard",
            account_manager=manager["email"],
        )
    base = {"status": "open", "priority": "normal", "assignee": "", "comments": []}
    issue = desk.word("issue")
    ticket = desk.add("tickets", title=issue, company=company, **base)
    desk.add("tickets", title=issue, company=similar, **base)
    desk.add("tickets", title="Copy of the contract", company=company, **base)
    desk.add(
        "messages",
        sender=company,
        email=writer,
        text=f"{issue}: when will this be solved? We have been waiting for days.",
    )
    page = desk.page()
    steps = [
        use("mail.find", query=company),
        use("tickets.find", query=f"{company} {issue}"),
        use("sheets.find_rows", query=company),
        use("wiki.find_pages", query=page),
    ]
    if not gold:
        steps.append(use("directory.find", query="service desk lead"))
    steps += [
        use(
            "tickets.update",
            ticket_id=ticket,
            priority="urgent" if gold else "high",
            assignee=(manager if gold else lead)["email"],
        ),
        use(
            "mail.send",
            to=writer,
            text=f"We have raised the priority of {ticket} and will keep you informed.",
            says={"text": [ticket]},
        ),
    ]
    return Case(facts={"company": company, "page": page}, steps=steps)


@workflow("cross_system", "tickets wiki chat")
def release_notes(desk: Desk) -> Case:
    """Customers read what is resolved and visible to them; what is not resolved waits."""
    app, number = desk.take("app"), f"{desk.number(2, 9)}.{desk.number(0, 9)}.{desk.number(1, 9)}"
    version = f"{app} {number}"
    kinds = desk.shuffled(["shown", "shown" if desk.flip() else "hidden", "hidden", "open"])
    tickets: dict[str, list[str]] = {kind: [] for kind in kinds}
    for kind in kinds:
        tickets[kind].append(
            desk.add(
                "tickets",
                title=desk.take("feature"),
                version=version,
                visible_to_customers="yes" if kind in ("shown", "open") else "no",
                status="in_progress" if kind == "open" else "resolved",
                comments=[],
            )
        )
    page = desk.add("pages", title=f"Release notes {app}", text="Newest version below.")
    desk.add("pages", title=f"Release notes {desk.take('app')}", text="Newest version below.")
    channel = _channel(desk, f"#{app.lower()}-news", f"news about {app}")
    _channel(desk, f"#{app.lower()}-team", f"those who build {app}")
    shown = tickets["shown"]
    rows = {row["id"]: row["title"] for row in desk.tables["tickets"]}
    lines = "; ".join(f"{ticket} {rows[ticket]}" for ticket in shown)
    steps = [
        use("tickets.find", query=version),
        use("wiki.find_pages", query=f"Release notes {app}"),
        use("chat.find_channels", query=f"{app} news"),
        use(
            "wiki.append",
            page_id=page,
            text=f"{number}: {lines}",
            says={"text": [number, *shown]},
        ),
        use("tickets.update", ticket_id=tickets["open"][0], status="on_hold"),
        use(
            "chat.post",
            channel=channel,
            text=f"{version} is released.",
            says={"text": [version]},
        ),
    ]
    secret = [
        never("told_customers_internals", "wiki.append", says={"text": [ticket]})
        for ticket in (*tickets["hidden"], *tickets["open"])
    ]
    return Case(facts={"app": app, "version": number}, steps=steps, never=secret)


@workflow("cross_system", "notes directory tickets")
def meeting_actions(desk: Desk) -> Case:
    """Each action still open becomes a ticket of its person; the minutes are then done with."""
    meeting, day = desk.take("meeting"), desk.day(-4, -1)
    actions = desk.shuffled(desk.choose(["open", "open", "done"], ["open", "done"]))
    people: list[Row] = [desk.person(team="operations") for _ in actions]
    desk.namesake(people[0], team="finance")
    duties = [desk.take("duty") for _ in actions]
    lines = [
        f"{person['name']}: {duty} ({state})"
        for person, duty, state in zip(people, duties, actions, strict=True)
    ]
    note = desk.add(
        "notes", title=f"Minutes of {meeting}, {day}", text="; ".join(lines), status="new"
    )
    desk.add(
        "notes",
        title=f"Minutes of {desk.take('meeting')}, {day}",
        text=f"{people[0]['name']}: nothing",
        status="processed",
    )
    todo = [
        (person, duty)
        for person, duty, state in zip(people, duties, actions, strict=True)
        if state == "open"
    ]
    steps = [
        use("notes.find", query=f"Minutes of {meeting}"),
        *(use("directory.find", query=person["name"]) for person, _ in todo),
        *(
            use(
                "tickets.create",
                title=duty[0].upper() + duty[1:],
                priority="normal",
                assignee=person["email"],
                says={"title": [duty]},
            )
            for person, duty in todo
        ),
        use("notes.update", note_id=note, status="processed"),
    ]
    done = [
        never("repeated_what_is_done", "tickets.create", says={"title": [duty]})
        for duty, state in zip(duties, actions, strict=True)
        if state == "done"
    ]
    return Case(facts={"meeting": meeting, "day": desk.say(day)}, steps=steps, never=done)


WORKFLOWS = (
    incident_report,
    customer_escalation,
    release_notes,
    meeting_actions,
)
