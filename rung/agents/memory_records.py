"""What memory reads and what it finds: turns, their context, and claims with their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rung.store import Claim, Fact

SELF = "user"
"""Subject of what customers say of themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One thing said in a conversation."""

    number: int
    """Counts up from 0 within its conversation, whoever speaks."""
    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a turn is read against."""

    conversation: str
    now: str
    """UTC ISO-8601."""
    facts: Sequence[Fact] = ()
    """What holds already, oldest first."""
    answer: str = ""
    """What was said to the customer last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A claim and what it takes the place of; see `FactLog.add`."""

    claim: Claim
    only: bool = False
    instead_of: str = ""
