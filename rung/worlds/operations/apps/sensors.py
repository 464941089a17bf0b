"""Sensors: alerts that wait for someone's verdict."""

from __future__ import annotations

from rung.worlds.operations.app import App, change, find, id_of, look, one_of, text, write
from rung.worlds.tables import Kind

APP = App(
    name="sensors",
    tables={"alerts": Kind(noun="alert", prefix="AL")},
    tools=(
        look("sensors.find_alerts", "Find alerts.", find("alerts"), query=text("unit or site")),
        write(
            "sensors.acknowledge",
            "Acknowledge an alert.",
            change("alerts", "alert_id"),
            alert_id=id_of("alert", "AL"),
            verdict=one_of("watch", "escalated"),
        ),
    ),
)
