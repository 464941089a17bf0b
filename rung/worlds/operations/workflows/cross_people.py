"""Cross-system work for colleagues who start or leave."""

from __future__ import annotations

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk


@workflow("cross_system", "directory wiki sheets tickets calendar")
def new_starter(desk: Desk) -> Case:
    """The device depends on the team, the technician on the site; both are on record."""
    site, elsewhere = desk.take("site"), desk.take("site")
    special, usual = desk.shuffled(["laptop", "workstation"])
    team, rest = desk.shuffled(["Design", "Finance", "Sales", "Engineering"])[:2]
    manager = desk.person(team=team, role="team lead", site=site)
    technician = desk.person(team="IT", role="device technician", site=site)
    desk.person(team="IT", role="device technician", site=elsewhere)
    first = desk.day(8, 25)
    starter = desk.person(
        team=team, role="starter", site=site, manager=manager["email"], first_day=first
    )
    desk.namesake(starter, team=rest, role="member", site=elsewhere)
    row = desk.add("sheet_rows", sheet="Starters", name=starter["name"], device="")
    desk.add("sheet_rows", sheet="Starters", name=desk.person(team=rest)["name"], device=usual)
    favoured = desk.choose(team, rest)
    device = special if favoured == team else usual
    page = desk.page(team=favoured, special=special, usual=usual)
    start, end = desk.choose(("09:00", "10:00"), ("09:30", "10:30"))
    steps = [
        use("directory.find", query=starter["name"]),
        use("wiki.find_pages", query=page),
        use("directory.find", query=f"device technician {site}"),
        use("sheets.find_rows", query=f"Starters {starter['name']}"),
        use(
            "tickets.create",
            title=f"Prepare a {device} for {starter['name']}, first day {first}",
            priority="normal",
            assignee=technician["email"],
            says={"title": [device, starter["name"]]},
        ),
        use("sheets.set_cell", row_id=row, column="device", value=device),
        use(
            "calendar.create_event",
            title=f"Welcome {starter['name']}",
            date=first,
            start=start,
            end=end,
            attendees=[starter["email"], manager["email"]],
            says={"title": [starter["name"]]},
        ),
    ]
    facts = {"person": starter["name"], "start": start, "end": end, "page": page}
    return Case(facts=facts, steps=steps)


@workflow("cross_system", "directory wiki drive calendar")
def leaver_handover(desk: Desk) -> Case:
    """Team files go to the manager, private ones to nobody; meetings after the last day end."""
    site, team = desk.take("site"), desk.choose("Finance", "Logistics", "Support")
    manager = desk.person(team=team, role="team lead", site=site)
    last = desk.day(4, 9)
    leaver = desk.person(
        team=team, role="member", site=site, manager=manager["email"], last_day=last
    )
    twin = desk.namesake(leaver, team=team, role="member", site=site)
    kinds = desk.shuffled(["team", "team", "private"])[: desk.number(2, 3)]
    if "team" not in kinds:
        kinds[0] = "team"
    files = [
        desk.add("files", name=desk.take("file"), owner=leaver["name"], area=kind, shared_with=[])
        for kind in kinds
    ]
    desk.add("files", name=desk.take("file"), owner=twin["name"], area="team", shared_with=[])
    events = {
        when: desk.add(
            "events",
            title=desk.take("call"),
            host=leaver["name"],
            date=day,
            start="11:00",
            end="11:30",
        )
        for when, day in desk.shuffled([("before", desk.day(1, 2)), ("after", desk.day(12, 20))])
    }
    page = desk.page()
    shared = [file for file, kind in zip(files, kinds, strict=True) if kind == "team"]
    steps = [
        use("directory.find", query=leaver["name"]),
        use("wiki.find_pages", query=page),
        use("drive.find", query=leaver["name"]),
        use("calendar.find_events", query=leaver["name"]),
        *(
            use("drive.share", file_id=file, email=manager["email"], role="editor")
            for file in shared
        ),
        use("calendar.cancel_event", event_id=events["after"]),
    ]
    kept = [
        never("shared_private_file", "drive.share", file_id=file)
        for file in files
        if file not in shared
    ]
    early = never("cancelled_too_early", "calendar.cancel_event", event_id=events["before"])
    return Case(facts={"person": leaver["name"], "page": page}, steps=steps, never=[*kept, early])


WORKFLOWS = (
    new_starter,
    leaver_handover,
)
