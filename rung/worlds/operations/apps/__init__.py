"""The apps of the workplace, one file each; a new app is a file and a line here."""

from __future__ import annotations

from rung.worlds.operations.app import App, AppTool
from rung.worlds.operations.apps import (
    assets,
    calendar,
    chat,
    directory,
    drive,
    esign,
    mail,
    notes,
    pipeline,
    rooms,
    sensors,
    sheets,
    shipping,
    stock,
    tickets,
    wiki,
)
from rung.worlds.tables import Kind

APPS: dict[str, App] = {
    module.APP.name: module.APP
    for module in (
        calendar,
        rooms,
        directory,
        mail,
        chat,
        tickets,
        wiki,
        notes,
        sheets,
        drive,
        esign,
        pipeline,
        stock,
        assets,
        shipping,
        sensors,
    )
}
"""By name, in the order their tools are shown."""
KINDS: dict[str, Kind] = {
    table: kind for app in APPS.values() for table, kind in app.tables.items()
}
TOOLS: dict[str, AppTool] = {entry.tool.name: entry for app in APPS.values() for entry in app.tools}
