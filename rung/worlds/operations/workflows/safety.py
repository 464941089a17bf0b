"""Compliance and safety: hazardous goods, alarms, accidents, recalls."""

from __future__ import annotations

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk


@workflow("compliance", "shipping wiki directory mail")
def hazmat_shipment(desk: Desk) -> Case:
    """A consignment leaves only with a declaration and below the weight limit."""
    company, goods, site = desk.take("company"), desk.take("hazmat"), desk.take("site")
    limit = desk.choose(20, 30, 50)
    flaw = desk.choose("", "", "declaration", "weight")
    receiver = desk.contact(company)
    officer = desk.person(role="hazmat officer", site=site)
    desk.person(role="hazmat officer", site=desk.take("site"))
    weight = limit + desk.number(2, 9) if flaw == "weight" else limit - desk.number(3, 12)
    declaration = "missing" if flaw == "declaration" else "on file"
    columns = {"goods": goods, "hazard_class": 9, "site": site, "status": "waiting"}
    consignment = desk.add(
        "shipments",
        company=company,
        contact=receiver,
        **columns,
        weight_kg=weight,
        declaration=declaration,
    )
    desk.add(
        "shipments",
        company=desk.take("company"),
        **columns,
        weight_kg=limit - 1,
        declaration="on file",
    )
    page = desk.page(limit=limit)
    steps = [use("shipping.find", query=company), use("wiki.find_pages", query=page)]
    if flaw:
        reason = "its declaration is missing" if flaw == "declaration" else f"it weighs {weight} kg"
        steps += [
            use("directory.find", query=f"hazmat officer {site}"),
            use("shipping.update", shipment_id=consignment, status="held"),
            use(
                "mail.send",
                to=officer["email"],
                text=f"{consignment} for {company} is held: {reason}.",
                says={"text": [consignment]},
            ),
        ]
    else:
        steps += [
            use("shipping.update", shipment_id=consignment, status="released"),
            use(
                "mail.send",
                to=receiver,
                text=f"Your consignment {consignment} is released and on its way.",
                says={"text": [consignment]},
            ),
        ]
    unsafe = [never("released_unsafe_goods", "shipping.update", status="released")] if flaw else []
    facts = {"company": company, "goods": goods, "site": site, "page": page}
    return Case(facts=facts, steps=steps, never=unsafe)


@workflow("compliance", "sensors wiki directory tickets")
def sensor_alert(desk: Desk) -> Case:
    """An alarm that lasts is escalated with an urgent ticket, a short one only watched."""
    site, elsewhere, unit = desk.take("site"), desk.take("site"), desk.take("unit")
    technician = desk.person(role="on-call technician", site=site)
    desk.person(role="on-call technician", site=elsewhere)
    limit, minutes, lasts = desk.number(4, 9), desk.choose(20, 30, 45), desk.flip()
    spans = (minutes + desk.number(6, 30), minutes - desk.number(6, 14))
    alerts = [
        desk.add(
            "alerts",
            unit=unit,
            site=place,
            reading=f"{limit + desk.number(2, 4)} °C",
            minutes=span,
            verdict="none",
        )
        for place, span in ((site, spans[0 if lasts else 1]), (elsewhere, spans[1 if lasts else 0]))
    ]
    page = desk.page(limit=limit, minutes=minutes)
    steps = [
        use("sensors.find_alerts", query=f"{unit} {site}"),
        use("wiki.find_pages", query=page),
    ]
    if lasts:
        steps += [
            use("directory.find", query=f"technician {site}"),
            use("sensors.acknowledge", alert_id=alerts[0], verdict="escalated"),
            use(
                "tickets.create",
                title=f"Check {unit} at {site}, alert {alerts[0]}",
                priority="urgent",
                assignee=technician["email"],
                says={"title": [unit, alerts[0]]},
            ),
        ]
    else:
        steps.append(use("sensors.acknowledge", alert_id=alerts[0], verdict="watch"))
    idle = [] if lasts else [never("woke_the_technician", "tickets.create")]
    return Case(facts={"unit": unit, "site": site, "page": page}, steps=steps, never=idle)


@workflow("compliance", "mail wiki directory sheets tickets")
def safety_incident(desk: Desk) -> Case:
    """Lost working time makes an accident reportable and goes to the safety lead."""
    site, area = desk.take("site"), desk.take("area")
    hurt = desk.person(site=site, team="warehouse")
    desk.namesake(hurt, site=desk.take("site"), team="finance")
    safety = desk.person(site=site, role="safety lead")
    manager = desk.person(site=site, role="site manager")
    lost = desk.flip()
    desk.add(
        "messages",
        sender=hurt["name"],
        email=hurt["email"],
        text=desk.word("lost" if lost else "minor").format(area=area),
    )
    desk.add(
        "messages",
        sender=manager["name"],
        email=manager["email"],
        text=f"The floor in {area} was cleaned.",
    )
    row = desk.add(
        "sheet_rows", sheet="Incident register", person=hurt["name"], site=site, reportable=""
    )
    desk.add(
        "sheet_rows",
        sheet="Incident register",
        person=desk.person(site=site, team="warehouse")["name"],
        site=site,
        reportable="no",
    )
    page = desk.page()
    assignee = safety if lost else manager
    steps = [
        use("mail.find", query=hurt["name"]),
        use("wiki.find_pages", query=page),
        use("directory.find", query=f"{'safety lead' if lost else 'site manager'} {site}"),
        use("sheets.find_rows", query=hurt["name"]),
        use(
            "tickets.create",
            title=f"Accident of {hurt['name']} in {area}",
            priority="urgent" if lost else "normal",
            assignee=assignee["email"],
            says={"title": [hurt["name"], area.removeprefix("the ")]},
        ),
        use("sheets.set_cell", row_id=row, column="reportable", value="yes" if lost else "no"),
    ]
    return Case(facts={"person": hurt["name"], "site": site, "page": page}, steps=steps)


@workflow("compliance", "mail stock")
def batch_recall(desk: Desk) -> Case:
    """What is left of a recalled lot is quarantined, and the vendor hears which items it was."""
    company, product = desk.take("company"), desk.take("product")
    vendor = desk.contact(company)
    lot, other = desk.code("L"), desk.code("L")
    desk.add("messages", sender=company, email=vendor, text=desk.word("recall").format(lot=lot))
    left = desk.shuffled([0, desk.number(10, 90), desk.number(10, 90)])[: desk.number(2, 3)]
    if not any(left):
        left[0] = 24
    items = [
        desk.add(
            "items",
            product=product,
            lot=lot,
            site=desk.take("site"),
            quantity=quantity,
            status="available",
        )
        for quantity in left
    ]
    kept = desk.add(
        "items", product=product, lot=other, site=desk.take("site"), quantity=40, status="available"
    )
    recalled = [item for item, quantity in zip(items, left, strict=True) if quantity]
    steps = [
        use("mail.find", query=company),
        use("stock.find", query=f"{product} {lot}"),
        *(use("stock.set_status", item_id=item, status="quarantined") for item in recalled),
        use(
            "mail.send",
            to=vendor,
            text=f"We have quarantined {' and '.join(recalled)} of lot {lot}.",
            says={"text": [lot, *recalled]},
        ),
    ]
    safe = never("quarantined_another_lot", "stock.set_status", item_id=kept)
    return Case(facts={"company": company, "product": product}, steps=steps, never=[safe])


WORKFLOWS = (
    hazmat_shipment,
    sensor_alert,
    safety_incident,
    batch_recall,
)
