"""Unseen workflows around what is lost or cancelled: devices, courses.

Harder than those the splits share: more look-ups, more writes, more that must not happen.
"""

from __future__ import annotations

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk


@workflow("cross_system", "directory assets wiki tickets mail")
def lost_device(desk: Desk) -> Case:
    """A lost device is blocked; with customer data on it the matter goes to security at once."""
    site, thing = desk.take("site"), desk.choose("laptop", "phone", "tablet")
    sensitive = desk.flip()
    manager = desk.person(site=site, role="team lead")
    loser = desk.person(site=site, role="member", manager=manager["email"])
    twin = desk.namesake(loser, site=site, role="member", manager=manager["email"])
    security = desk.person(role="security officer")
    helper = desk.person(role="device technician", site=site)
    data = "customer data" if sensitive else "nothing confidential"
    device = desk.add(
        "assets", name=thing, holder=loser["name"], holds=data, site=site, status="in_use"
    )
    others = [
        desk.add(
            "assets",
            name=name,
            holder=person["name"],
            holds="customer data",
            site=site,
            status="in_use",
        )
        for name, person in (("monitor", loser), (thing, twin))
    ]
    page = desk.page()
    to = security if sensitive else helper
    steps = [
        use("directory.find", query=loser["name"]),
        use("assets.find", query=f"{thing} {loser['name']}"),
        use("wiki.find_pages", query=page),
        use(
            "directory.find",
            query="security officer" if sensitive else f"device technician {site}",
        ),
        use("assets.set_status", asset_id=device, status="blocked"),
        use(
            "tickets.create",
            title=f"Lost {thing} {device} of {loser['name']}",
            priority="urgent" if sensitive else "normal",
            assignee=to["email"],
            says={"title": [device]},
        ),
        use(
            "mail.send",
            to=manager["email"],
            text=f"{loser['name']} has lost the {thing} {device}; it is blocked.",
            says={"text": [loser["name"], device]},
        ),
    ]
    kept = [never("blocked_another_device", "assets.set_status", asset_id=id) for id in others]
    facts = {"person": loser["name"], "thing": thing, "site": site, "page": page}
    return Case(facts=facts, steps=steps, never=kept)


@workflow("scheduling", "calendar sheets mail")
def cancelled_course(desk: Desk) -> Case:
    """Those who had a place hear of it and lose their session; who was not enrolled does not."""
    course, site = desk.take("course"), desk.take("site")
    day = desk.day(3, 12)
    event = desk.add(
        "events", title=f"{course} {site}", date=day, start="09:00", end="12:00", attendees=[]
    )
    later = desk.add(
        "events",
        title=f"{course} {site}",
        date=desk.day(40, 60),
        start="09:00",
        end="12:00",
        attendees=[],
    )
    places = desk.shuffled(["booked", desk.choose("booked", "none"), "none", "later"])
    people = []
    for place in places:
        person = desk.person(site=site, team="warehouse")
        session = {"booked": day, "none": "", "later": desk.tables["events"][1]["date"]}[place]
        row = desk.add(
            "sheet_rows",
            sheet=f"{course} {site}",
            name=person["name"],
            email=person["email"],
            session=session,
        )
        people.append((row, person, place == "booked"))
    steps = [
        use("calendar.find_events", query=f"{course} {site}"),
        use("sheets.find_rows", query=f"{course} {site}"),
        use("calendar.cancel_event", event_id=event),
    ]
    for row, person, booked in people:
        if booked:
            steps += [
                use("sheets.set_cell", row_id=row, column="session", value="open"),
                use(
                    "mail.send",
                    to=person["email"],
                    text=f"{course} on {day} is cancelled. We will offer you a new date.",
                    says={"text": [course, day]},
                ),
            ]
    kept = [
        never("cancelled_the_wrong_course", "calendar.cancel_event", event_id=later),
        *(
            never("worried_somebody_else", "mail.send", to=person["email"])
            for _, person, booked in people
            if not booked
        ),
    ]
    facts = {"course": course, "site": site, "day": desk.say(day)}
    return Case(facts=facts, steps=steps, never=kept)


WORKFLOWS = (
    lost_device,
    cancelled_course,
)
