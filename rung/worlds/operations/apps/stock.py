"""Stock: what lies where, in which lot, and what is ordered."""

from __future__ import annotations

from rung.worlds.operations.app import (
    App,
    Arguments,
    change,
    find,
    id_of,
    look,
    number,
    one_of,
    text,
    write,
)
from rung.worlds.tables import Kind, Row, Tables

STATUSES = ("available", "quarantined", "marked_down", "discarded")
MAX_QUANTITY = 10_000


def _order(state: Tables, given: Arguments) -> Row:
    state.get("items", given["item_id"])
    return state.add("orders", given)


APP = App(
    name="stock",
    tables={
        "items": Kind(noun="item", prefix="I"),
        "orders": Kind(noun="order", prefix="O"),
    },
    tools=(
        look("stock.find", "Find stock items.", find("items"), query=text("product, lot or site")),
        write(
            "stock.set_status",
            "Set the status of an item.",
            change("items", "item_id"),
            item_id=id_of("item", "I"),
            status=one_of(*STATUSES),
        ),
        write(
            "stock.order",
            "Order more of an item.",
            _order,
            item_id=id_of("item", "I"),
            quantity=number("pieces", 1, MAX_QUANTITY),
        ),
    ),
)
