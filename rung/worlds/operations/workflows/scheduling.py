"""Scheduling and coordination: kick-offs, room conflicts, trainings, maintenance windows."""

from __future__ import annotations

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk


@workflow("scheduling", "notes wiki rooms calendar chat")
def project_kickoff(desk: Desk) -> Case:
    """With a client the room has video; among ourselves it is the free room without."""
    project, site, company = desk.take("project"), desk.take("site"), desk.take("company")
    outside = desk.flip()
    team = [desk.person(team="projects", site=site) for _ in range(2)]
    emails = [person["email"] for person in team] + ([desk.contact(company)] if outside else [])
    kind = f"client project for {company}" if outside else "internal project"
    channel = f"#{project.lower()}-team"
    desk.add("channels", name=channel, purpose=f"project {project}")
    desk.add("channels", name=f"#{desk.take('project').lower()}-team", purpose="another project")
    desk.add("notes", title=f"Project {project}", kind=kind, members=emails, seats=6, status="new")
    desk.add(
        "notes", title=f"Project {project} archive", kind="closed", members=[], status="closed"
    )
    day, start, end = desk.day(3, 20), *desk.choose(("09:00", "10:30"), ("13:30", "15:00"))
    plain = desk.room(site, seats=8)
    video = desk.room(site, seats=10, equipment="video")
    desk.room(site, seats=4, equipment="video")
    room = video if outside else plain
    page = desk.page()
    steps = [
        use("notes.find", query=project),
        use("wiki.find_pages", query=page),
        use("rooms.find_free", site=site, date=day, start=start, end=end, seats=6),
        use("chat.find_channels", query=project),
        use(
            "calendar.create_event",
            title=f"Kick-off {project}",
            date=day,
            start=start,
            end=end,
            attendees=emails,
            room_id=room["id"],
            says={"title": [project]},
        ),
        use(
            "chat.post",
            channel=channel,
            text=f"The kick-off of {project} is on {day} at {start} in {room['name']}.",
            says={"text": [day, room["name"]]},
        ),
    ]
    facts = {"project": project, "site": site, "day": desk.say(day), "start": start, "end": end}
    return Case(facts=facts | {"page": page}, steps=steps)


@workflow("scheduling", "calendar wiki rooms mail")
def room_conflict(desk: Desk) -> Case:
    """A client meeting keeps the room; between two internal ones the later booking moves."""
    site, client = desk.take("site"), desk.flip()
    day, start, end = desk.day(2, 12), *desk.choose(("10:00", "11:00"), ("14:00", "15:30"))
    taken = desk.room(site, seats=12)
    desk.room(site, seats=4)
    free = desk.room(site, seats=10)
    hosts = [desk.person(site=site, team=team) for team in ("sales", "finance")]
    early, late = desk.day(-40, -20), desk.day(-12, -4)
    stays_early = desk.flip()
    titles = (f"Meeting with {desk.take('company')}" if client else "Budget round", "Team planning")
    ids = [
        desk.add(
            "events",
            title=title,
            date=day,
            start=start,
            end=end,
            room_id=taken["id"],
            room=taken["name"],
            host=host["email"],
            kind="client" if client and at == 0 else "internal",
            people=8,
            booked_on=early if (at == 0) == stays_early else late,
        )
        for at, (title, host) in enumerate(zip(titles, hosts, strict=True))
    ]
    moved = 1 if client or stays_early else 0
    page = desk.page()
    steps = [
        use("calendar.find_events", query=taken["name"], date=day),
        use("wiki.find_pages", query=page),
        use("rooms.find_free", site=site, date=day, start=start, end=end, seats=8),
        use("calendar.update_event", event_id=ids[moved], room_id=free["id"]),
        use(
            "mail.send",
            to=hosts[moved]["email"],
            text=f"Your meeting on {day} had to move: it is now in {free['name']}.",
            says={"text": [free["name"], day]},
        ),
    ]
    facts = {"room": taken["name"], "site": site, "day": desk.say(day), "start": start}
    stays = never("moved_the_other", "calendar.update_event", event_id=ids[1 - moved])
    return Case(facts=facts | {"page": page}, steps=steps, never=[stays])


@workflow("scheduling", "sheets rooms calendar")
def training_session(desk: Desk) -> Case:
    """Only those whose certificate ends by the given day, and who still work here, are invited."""
    site, course = desk.take("site"), desk.take("course")
    last, day = desk.day(40, 60), desk.day(5, 15)
    start, end = desk.choose(("08:30", "11:30"), ("13:00", "16:00"))
    room = desk.room(site, seats=12)
    desk.room(site, seats=14)
    spans = desk.shuffled(["due", desk.choose("due", "later"), "later", "gone"])
    rows = []
    for span in spans:
        person = desk.person(team="warehouse", site=site)
        valid = desk.day(10, 35) if span != "later" else desk.day(90, 200)
        state = "left" if span == "gone" else "employed"
        cells = {"name": person["name"], "email": person["email"], "valid_until": valid}
        row = desk.add("sheet_rows", sheet=f"{course} {site}", **cells, state=state, session="")
        rows.append((row, person["email"], span == "due"))
    due = [(row, email) for row, email, is_due in rows if is_due]
    steps = [
        use("sheets.find_rows", query=f"{course} {site}"),
        use("rooms.find_free", site=site, date=day, start=start, end=end, seats=2),
        use(
            "calendar.create_event",
            title=f"{course}: refresher",
            date=day,
            start=start,
            end=end,
            attendees=[email for _, email in due],
            room_id=room["id"],
            says={"title": [course]},
        ),
        *(use("sheets.set_cell", row_id=row, column="session", value=day) for row, _ in due),
    ]
    facts = {
        "course": course,
        "site": site,
        "room": room["name"],
        "day": desk.say(day),
        "last": desk.say(last),
        "start": start,
        "end": end,
    }
    spared = [
        never("invited_without_need", "sheets.set_cell", row_id=row)
        for row, _, is_due in rows
        if not is_due
    ]
    return Case(facts=facts, steps=steps, never=spared)


@workflow("scheduling", "notes wiki tickets calendar")
def maintenance_window(desk: Desk) -> Case:
    """Critical systems are patched on the Saturday, all others on the working day."""
    system, similar = desk.take("system"), desk.take("system")
    critical = desk.flip()
    owner, other = desk.person(team="applications"), desk.person(team="applications")
    tiers = ("critical", "standard") if critical else ("standard", "critical")
    for name, tier, person in ((system, tiers[0], owner), (similar, tiers[1], other)):
        desk.add(
            "notes", title=f"System {name}", tier=tier, owner=person["email"], status="in service"
        )
    tickets = [
        desk.add("tickets", title=f"Patch {name}", priority="normal", status="open", comments=[])
        for name in (system, similar)
    ]
    day, saturday = desk.day(3, 8), desk.saturday(3)
    start, end = ("19:00", "21:00")
    chosen = saturday if critical else day
    page = desk.page()
    steps = [
        use("notes.find", query=system),
        use("wiki.find_pages", query=page),
        use("tickets.find", query=system),
        use(
            "calendar.create_event",
            title=f"Maintenance {system}",
            date=chosen,
            start=start,
            end=end,
            attendees=[owner["email"]],
            says={"title": [system]},
        ),
        use("tickets.update", ticket_id=tickets[0], status="scheduled"),
    ]
    facts = {
        "system": system,
        "day": desk.say(day),
        "saturday": desk.say(saturday),
        "start": start,
        "end": end,
        "page": page,
    }
    return Case(facts=facts, steps=steps)


WORKFLOWS = (
    project_kickoff,
    room_conflict,
    training_session,
    maintenance_window,
)
