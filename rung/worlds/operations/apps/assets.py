"""Assets: vehicles, instruments, computers; their status and their services."""

from __future__ import annotations

from rung.worlds.operations.app import (
    App,
    Arguments,
    change,
    day,
    find,
    id_of,
    look,
    one_of,
    text,
    write,
)
from rung.worlds.tables import Kind, Row, Tables

STATUSES = ("in_use", "spare", "blocked", "in_repair", "to_wipe", "retired")


def _book(state: Tables, given: Arguments) -> Row:
    state.get("assets", given["asset_id"])
    state.get("vendors", given["vendor_id"])
    return state.add("services", given)


APP = App(
    name="assets",
    tables={
        "assets": Kind(noun="asset", prefix="A"),
        "services": Kind(noun="service", prefix="B"),
    },
    tools=(
        look(
            "assets.find",
            "Find vehicles, instruments, devices.",
            find("assets"),
            query=text("name, number, site or holder"),
        ),
        write(
            "assets.set_status",
            "Set the status of an asset.",
            change("assets", "asset_id"),
            asset_id=id_of("asset", "A"),
            status=one_of(*STATUSES),
        ),
        write(
            "assets.book_service",
            "Book service, repair or calibration with a vendor.",
            _book,
            asset_id=id_of("asset", "A"),
            vendor_id=id_of("vendor", "V"),
            date=day(),
        ),
    ),
)
