"""Inventory: goods that spoil and supplies that run out."""

from __future__ import annotations

from rung.worlds.operations.case import Case, never, use, workflow
from rung.worlds.operations.desk import Desk


@workflow("facilities", "stock wiki chat")
def perishables_expiry(desk: Desk) -> Case:
    """Past its date a lot is discarded, up to the given day it is marked down, else it stays."""
    site, product, elsewhere = desk.take("site"), desk.take("product"), desk.take("site")
    last = desk.day(4, 6)
    ends = {"past": desk.day(-8, -3), "soon": desk.day(1, 2), "later": desk.day(15, 30)}
    present = desk.shuffled(["past", "soon", "later"]) if desk.flip() else ["soon", "later"]
    lots = {
        end: desk.add(
            "items",
            product=product,
            lot=desk.code("L"),
            site=site,
            expires=ends[end],
            quantity=desk.number(8, 60),
            status="available",
        )
        for end in present
    }
    far = desk.add(
        "items",
        product=product,
        lot=desk.code("L"),
        site=elsewhere,
        expires=ends["soon"],
        quantity=12,
        status="available",
    )
    channel = f"#{site.lower().replace(' ', '-')}"
    desk.add("channels", name=channel, purpose=f"everybody at {site}")
    page = desk.page(channel=channel)
    statuses = {"past": "discarded", "soon": "marked_down"}
    touched = [end for end in statuses if end in lots]
    result = ", ".join(f"{lots[end]} {statuses[end]}" for end in touched)
    steps = [
        use("stock.find", query=f"{product} {site}"),
        use("wiki.find_pages", query=page),
        *(use("stock.set_status", item_id=lots[end], status=statuses[end]) for end in touched),
        use(
            "chat.post",
            channel=channel,
            text=f"Checked the {product}: {result}.",
            says={"text": [lots[end] for end in touched]},
        ),
    ]
    kept = [
        never("touched_good_stock", "stock.set_status", item_id=item)
        for item in (lots["later"], far)
    ]
    facts = {"product": product, "site": site, "day": desk.say(last), "page": page}
    return Case(facts=facts, steps=steps, never=kept)


@workflow("facilities", "stock directory mail")
def supplies_reorder(desk: Desk) -> Case:
    """What is below its minimum and not on order yet is ordered, in its usual quantity."""
    site = desk.take("site")
    requester = desk.person(site=site, role="office manager")
    desk.person(site=desk.take("site"), role="office manager")
    states = desk.shuffled(["low", "low" if desk.flip() else "full", "ordered", "full"])
    items = []
    for state in states:
        minimum, pack = desk.number(20, 40), desk.choose(50, 80, 100, 120)
        low = state in ("low", "ordered")
        items.append(
            desk.add(
                "items",
                product=desk.take("supply"),
                site=site,
                quantity=minimum - desk.number(5, 15) if low else minimum + desk.number(3, 30),
                minimum=minimum,
                order_quantity=pack,
                on_order=pack if state == "ordered" else 0,
            )
        )
    rows = {row["id"]: row for row in desk.tables["items"]}
    short = [item for item, state in zip(items, states, strict=True) if state == "low"]
    names = [rows[item]["product"] for item in short]
    steps = [
        use("stock.find", query=site),
        use("directory.find", query=f"office manager {site}"),
        *(
            use("stock.order", item_id=item, quantity=rows[item]["order_quantity"])
            for item in short
        ),
        use(
            "mail.send",
            to=requester["email"],
            text=f"Ordered for {site}: {', '.join(names)}.",
            says={"text": names},
        ),
    ]
    kept = [
        never("ordered_without_need", "stock.order", item_id=item)
        for item, state in zip(items, states, strict=True)
        if state != "low"
    ]
    return Case(facts={"site": site}, steps=steps, never=kept)


WORKFLOWS = (
    perishables_expiry,
    supplies_reorder,
)
