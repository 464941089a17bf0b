"""Facilities: the mailroom and the meeting rooms."""

from __future__ import annotations

from typing import Any

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk


@workflow("facilities", "shipping directory wiki mail")
def parcel_routing(desk: Desk) -> Case:
    """A parcel follows who moved, waits for who is away, and goes back for who left."""
    site, elsewhere, sender = desk.take("site"), desk.take("site"), desk.take("company")
    state = desk.choose("moved", "away", "left")
    stand_in = desk.person(site=site, status="at work")
    person = desk.person(
        site=elsewhere if state == "moved" else site,
        status={"moved": "at work", "away": "on leave", "left": "left the firm"}[state],
        stand_in=stand_in["email"],
    )
    desk.namesake(person, site=desk.take("site"), status="at work")
    parcel = desk.add(
        "shipments", addressee=person["name"], sender=sender, destination=site, status="waiting"
    )
    desk.add(
        "shipments",
        addressee=stand_in["name"],
        sender=desk.take("company"),
        destination=site,
        status="waiting",
    )
    page = desk.page()
    changes: dict[str, dict[str, Any]] = {
        "moved": {"destination": elsewhere, "status": "rerouted"},
        "away": {"status": "held"},
        "left": {"status": "returned"},
    }
    steps = [
        use("shipping.find", query=f"{person['name']} {sender}"),
        use("directory.find", query=person["name"]),
        use("wiki.find_pages", query=page),
        use("shipping.update", shipment_id=parcel, **changes[state]),
    ]
    if state != "left":
        told = person if state == "moved" else stand_in
        steps.append(
            use(
                "mail.send",
                to=told["email"],
                text=f"Parcel {parcel} from {sender} is {changes[state]['status']}.",
                says={"text": [parcel]},
            )
        )
    facts = {"person": person["name"], "company": sender, "site": site, "page": page}
    silent = [never("wrote_to_who_left", "mail.send")] if state == "left" else []
    return Case(facts=facts, steps=steps, never=silent)


@workflow("facilities", "calendar wiki directory rooms tickets")
def room_out_of_service(desk: Desk) -> Case:
    """Until the repair, meetings that need the broken thing move; the others stay."""
    site, thing = desk.take("site"), desk.take("fixture")
    broken = desk.room(site, seats=10, equipment=thing)
    spare = desk.room(site, seats=12, equipment=thing)
    desk.room(site, seats=12)
    technician = desk.person(role="building technician", site=site)
    desk.person(role="building technician", site=desk.take("site"))
    repair, before, after = desk.day(9, 12), desk.day(2, 6), desk.day(16, 20)
    start, end = desk.choose(("09:00", "10:00"), ("15:00", "16:30"))
    times = {"start": start, "end": end, "room_id": broken["id"], "room": broken["name"]}
    needs = desk.flip()
    event = desk.add(
        "events",
        title=f"Review {desk.take('project')}",
        date=before,
        **times,
        people=9,
        needs=thing if needs else "nothing",
    )
    later = desk.add(
        "events",
        title=f"Review {desk.take('project')}",
        date=after,
        **times,
        people=9,
        needs=thing,
    )
    page = desk.page()
    steps = [
        use("calendar.find_events", query=broken["name"]),
        use("wiki.find_pages", query=page),
        use("directory.find", query=f"building technician {site}"),
    ]
    if needs:
        steps += [
            use("rooms.find_free", site=site, date=before, start=start, end=end, seats=9),
            use("calendar.update_event", event_id=event, room_id=spare["id"]),
        ]
    steps.append(
        use(
            "tickets.create",
            title=f"Repair the {thing} in {broken['name']}",
            priority="high" if needs else "normal",
            assignee=technician["email"],
            says={"title": [thing, broken["name"]]},
        )
    )
    stays = [later] if needs else [later, event]
    kept = [never("moved_without_need", "calendar.update_event", event_id=id) for id in stays]
    facts = {
        "room": broken["name"],
        "site": site,
        "thing": thing,
        "day": desk.say(repair),
        "page": page,
    }
    return Case(facts=facts, steps=steps, never=kept)


WORKFLOWS = (
    parcel_routing,
    room_out_of_service,
)
