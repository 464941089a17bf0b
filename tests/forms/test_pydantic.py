"""Pydantic models to forms."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from rung.core.errors import FormError
from rung.forms import Choice, Const, Object, Value, compile_form

PROBE = "probe"


class Team(enum.Enum):
    CARDS = "cards"
    LOANS = "loans"


class Amount(BaseModel):
    value: float = Field(ge=0)
    currency: Literal["EUR", "USD"] = "EUR"


class Ticket(BaseModel):
    team: Team
    backup: Team | None = Field(None, description="the second team")
    urgent: bool = False
    stars: Annotated[int, Field(ge=1, le=5)]
    order: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d{4}$")] | None = None
    due: date | None = None
    seen: datetime
    key: UUID
    kind: Literal["ticket"] = "ticket"
    tags: set[Literal["new", "vip"]] = Field(max_length=2)
    amount: Amount = Field(description="what is asked back")
    note: Annotated[str, Field(min_length=1, max_length=80)]


def test_a_pydantic_model_becomes_the_form_one_expects() -> None:
    form = compile_form(Ticket)
    parts = dict(form.root.parts)
    assert parts["team"] == Choice(path="team", values=("cards", "loans"))
    assert parts["backup"].values == ("cards", "loans", None)
    assert parts["backup"].description == "the second team"
    assert parts["stars"].values == (1, 2, 3, 4, 5)
    assert parts["kind"] == Const(path="kind", value="ticket")
    assert parts["tags"].item.values == ("new", "vip")
    assert isinstance(parts["amount"], Object)
    assert [slot.path for slot in form.slots()][-3:] == ["amount.value", "amount.currency", "note"]
    kinds = {name: part.kind for name, part in parts.items() if isinstance(part, Value)}
    assert kinds == {
        "order": "text",
        "due": "date",
        "seen": "date",
        "key": "text",
        "tags": "list",
        "note": "text",
    }


@pytest.mark.parametrize("annotation", [Decimal, int | str, dict[str, int], Any])
def test_a_pydantic_field_no_structure_holds_becomes_a_sub_grammar(annotation: Any) -> None:
    model = type("Model", (BaseModel,), {"__annotations__": {PROBE: annotation}})
    ((_, part),) = compile_form(model).fields
    assert isinstance(part, Value)
    assert part.kind == "json"


def test_a_pydantic_model_without_a_schema_is_refused() -> None:
    model = type("Model", (BaseModel,), {"__annotations__": {PROBE: Callable[[], int]}})
    with pytest.raises(FormError, match="Model has no JSON Schema"):
        compile_form(model)
