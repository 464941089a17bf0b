"""The company directory: mail addresses by name. Every agent has it, nobody can change it."""

from __future__ import annotations

from rung.core.spelling import quote
from rung.worlds.workbench.schemas import text
from rung.worlds.workbench.state import State
from rung.worlds.workbench.toolbox import Refused, declare


def find_email_address(state: State, *, name: str) -> list[str]:
    """Return every address that contains the name."""
    found = [email for email in state.directory if name.lower() in email]
    if not found:
        raise Refused(f"nobody in the company is called {quote(name)}: use one part of the name")
    return found


TOOLS = (
    declare(
        "company_directory.find_email_address",
        find_email_address,
        "Return the mail addresses of the employees of a name.",
        {"name": text("first or last name")},
        required=("name",),
    ),
)
