"""Facilities: instruments, vehicles, and devices that people hand back."""

from __future__ import annotations

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk


@workflow("facilities", "assets directory wiki mail")
def equipment_calibration(desk: Desk) -> Case:
    """The lab must be accredited on the day; an overdue instrument is blocked until then."""
    kind, site = desk.take("instrument"), desk.take("site")
    holder = desk.person(site=site, team="quality")
    overdue, day = desk.flip(), desk.day(5, 20)
    due = desk.day(-30, -5) if overdue else desk.day(22, 40)
    serial = desk.code("Q")
    instrument = desk.add(
        "assets",
        name=f"{kind} {serial}",
        site=site,
        holder=holder["email"],
        calibration_due=due,
        status="in_use",
    )
    desk.add(
        "assets",
        name=f"{kind} {desk.code('Q')}",
        site=site,
        holder=desk.person(site=site, team="quality")["email"],
        calibration_due=desk.day(60, 90),
        status="in_use",
    )
    service = f"calibration: {kind}"
    labs = [
        desk.add(
            "vendors",
            name=f"{desk.take('last')} Laboratory",
            service=service,
            accredited_until=until,
        )
        for until in desk.shuffled([desk.day(100, 300), desk.day(-60, -10)])
    ]
    good = max(desk.tables["vendors"], key=lambda lab: str(lab["accredited_until"]))["id"]
    page = desk.page()
    steps = [
        use("assets.find", query=serial),
        use("directory.find", query=kind),
        use("wiki.find_pages", query=page),
        use("assets.book_service", asset_id=instrument, vendor_id=good, date=day),
    ]
    if overdue:
        steps.append(use("assets.set_status", asset_id=instrument, status="blocked"))
    steps.append(
        use(
            "mail.send",
            to=holder["email"],
            text=f"The {kind} {serial} will be calibrated on {day}.",
            says={"text": [serial, day]},
        )
    )
    lapsed = next(lab for lab in labs if lab != good)
    broken = [never("booked_a_lapsed_lab", "assets.book_service", vendor_id=lapsed)]
    facts = {"kind": kind, "serial": serial, "site": site, "day": desk.say(day), "page": page}
    return Case(facts=facts, steps=steps, never=broken)


@workflow("facilities", "assets directory wiki mail")
def fleet_maintenance(desk: Desk) -> Case:
    """The workshop depends on the make; past its service mark a vehicle is taken off the road."""
    site, make, other = desk.take("site"), desk.take("make"), desk.take("make")
    plate = desk.code(desk.choose("KV", "TR", "BD", "LM"))
    driver = desk.person(site=site, team="logistics")
    mark, past = desk.number(20, 90) * 1000, desk.flip()
    km = mark + desk.number(150, 900) if past else mark - desk.number(150, 900)
    vehicle = desk.add(
        "assets",
        name=f"{make} {plate}",
        site=site,
        holder=driver["email"],
        km=km,
        service_at_km=mark,
        status="in_use",
    )
    desk.add(
        "assets",
        name=f"{make} {desk.code('KV')}",
        site=site,
        holder=desk.person(site=site, team="logistics")["email"],
        km=mark - 9000,
        service_at_km=mark,
        status="in_use",
    )
    shops = {
        name: desk.add("vendors", name=f"{desk.take('last')} Garage", service=f"workshop {name}")
        for name in desk.shuffled([make, other])
    }
    day = desk.day(2, 12)
    page = desk.page()
    steps = [
        use("assets.find", query=plate),
        use("directory.find", query=make),
        use("wiki.find_pages", query=page),
        use("assets.book_service", asset_id=vehicle, vendor_id=shops[make], date=day),
    ]
    if past:
        steps.append(use("assets.set_status", asset_id=vehicle, status="blocked"))
    steps.append(
        use(
            "mail.send",
            to=driver["email"],
            text=f"{plate} goes to the workshop on {day}.",
            says={"text": [plate, day]},
        )
    )
    facts = {"plate": plate, "site": site, "day": desk.say(day), "page": page}
    road = [] if past else [never("stopped_a_sound_vehicle", "assets.set_status")]
    return Case(facts=facts, steps=steps, never=road)


@workflow("facilities", "directory assets wiki mail")
def asset_return(desk: Desk) -> Case:
    """What leavers hand back is wiped for the next one, unless it is too old to be kept."""
    site = desk.take("site")
    manager = desk.person(site=site, role="team lead")
    leaver = desk.person(site=site, role="member", manager=manager["email"])
    twin = desk.namesake(leaver, site=site, role="member", manager=manager["email"])
    cut = desk.day(-900, -700)
    ages = desk.shuffled(["old", "new", desk.choose("old", "new")])[: desk.number(1, 2) + 1]
    assets = [
        desk.add(
            "assets",
            name=name,
            holder=leaver["name"],
            bought=desk.day(-1500, -1000) if age == "old" else desk.day(-600, -200),
            status="in_use",
        )
        for name, age in zip(("laptop", "phone", "tablet"), ages, strict=False)
    ]
    other = desk.add(
        "assets", name="laptop", holder=twin["name"], bought=desk.day(-400, -300), status="in_use"
    )
    page = desk.page(cut=cut)
    steps = [
        use("directory.find", query=leaver["name"]),
        use("assets.find", query=leaver["name"]),
        use("wiki.find_pages", query=page),
        *(
            use(
                "assets.set_status", asset_id=asset, status="retired" if age == "old" else "to_wipe"
            )
            for asset, age in zip(assets, ages, strict=True)
        ),
        use(
            "mail.send",
            to=manager["email"],
            text=f"{leaver['name']} has returned {', '.join(assets)}.",
            says={"text": [leaver["name"], *assets]},
        ),
    ]
    mine = never("took_from_a_namesake", "assets.set_status", asset_id=other)
    return Case(facts={"person": leaver["name"], "page": page}, steps=steps, never=[mine])


WORKFLOWS = (
    equipment_calibration,
    fleet_maintenance,
    asset_return,
)
