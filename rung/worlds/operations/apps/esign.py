"""E-sign: templates, and the envelopes sent out for signature."""

from __future__ import annotations

from rung.worlds.operations.app import App, Arguments, email, find, id_of, look, text, write
from rung.worlds.tables import Kind, Refused, Row, Tables


def _send(state: Tables, given: Arguments) -> Row:
    template = state.get("templates", given["template_id"])
    return state.add(
        "envelopes",
        {
            "template_id": template["id"],
            "document": template["name"],
            "signer": given["signer"],
            "reference": given["reference"],
            "status": "sent",
        },
    )


def _void(state: Tables, given: Arguments) -> Row:
    envelope = state.get("envelopes", given["envelope_id"])
    if envelope["status"] != "sent":
        raise Refused(f"{envelope['id']} is {envelope['status']}; only a sent envelope can be void")
    return state.change("envelopes", envelope["id"], {"status": "void"})


APP = App(
    name="esign",
    tables={
        "templates": Kind(noun="template", prefix="TP"),
        "envelopes": Kind(noun="envelope", prefix="EN"),
    },
    tools=(
        look(
            "esign.find",
            "Find templates and envelopes.",
            find("templates", "envelopes"),
            query=text("document, signer or reference"),
        ),
        write(
            "esign.send",
            "Send a document for signature.",
            _send,
            template_id=id_of("template", "TP"),
            signer=email("who signs"),
            reference=text("what it is about: a number or a company"),
        ),
        write(
            "esign.void",
            "Take back an envelope that was not signed yet.",
            _void,
            envelope_id=id_of("envelope", "EN"),
        ),
    ),
)
