"""Pipeline: one card for each company, in the phase that its case has reached."""

from __future__ import annotations

from rung.worlds.operations.app import App, change, find, id_of, look, one_of, text, write
from rung.worlds.tables import Kind

PHASES = (
    "new",
    "nda_sent",
    "nda_signed",
    "waiting_for_documents",
    "approved",
    "closed",
)

APP = App(
    name="pipeline",
    tables={"cards": Kind(noun="card", prefix="K")},
    tools=(
        look("pipeline.find_cards", "Find cards.", find("cards"), query=text("company or phase")),
        write(
            "pipeline.move_card",
            "Move a card to a phase.",
            change("cards", "card_id"),
            card_id=id_of("card", "K"),
            phase=one_of(*PHASES),
        ),
    ),
)
