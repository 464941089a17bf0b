"""Shipping: parcels that came in and consignments that go out."""

from __future__ import annotations

from rung.worlds.operations.app import App, change, find, id_of, look, one_of, optional, text, write
from rung.worlds.tables import Kind

STATUSES = ("waiting", "held", "released", "rerouted", "returned", "delivered")

APP = App(
    name="shipping",
    tables={"shipments": Kind(noun="shipment", prefix="SH")},
    tools=(
        look(
            "shipping.find",
            "Find parcels and consignments.",
            find("shipments"),
            query=text("person, company or goods"),
        ),
        write(
            "shipping.update",
            "Set the status or the destination of a shipment.",
            change("shipments", "shipment_id"),
            shipment_id=id_of("shipment", "SH"),
            status=optional(one_of(*STATUSES)),
            destination=optional(text("site")),
        ),
    ),
)
