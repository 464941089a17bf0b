"""Tools from functions: schemas from types, arguments checked, failures told apart."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from rung.worlds.tables import Refused, Tables
from rung.worlds.toolbox import Toolbox
from rung.worlds.world import Call


def test_schemas_come_from_types() -> None:
    box = Toolbox()

    @box.tool(writes=True, name="stock.move")
    def move(
        tables: Tables,
        item: Annotated[str, Field(description="its id")],
        title: str,
        to: Literal["shelf", "bin"],
        amount: int = 1,
        note: str | None = None,
    ) -> None:
        """Move an item.

        Bins are emptied at night.
        """

    (tool,) = box.tools()
    assert (tool.name, tool.writes) == ("stock.move", True)
    assert tool.description == "Move an item.\n\nBins are emptied at night."
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "item": {"type": "string", "description": "its id"},
            "title": {"type": "string"},
            "to": {"type": "string", "enum": ["shelf", "bin"]},
            "amount": {"type": "integer", "default": 1},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
        "required": ["item", "title", "to"],
        "additionalProperties": False,
    }
    assert move.__name__ == "move"


def test_null_stands_for_an_argument_left_out() -> None:
    box = Toolbox()

    @box.tool
    def count(state: list[int], low: int = 1) -> int:
        """Count."""
        return sum(item >= low for item in state)

    assert box.use([0, 1, 2], Call(tool="count", arguments={"low": None})).value == 2
    assert box.use([0, 1, 2], Call(tool="count", arguments={"low": 2})).value == 1
    assert box.use([0], Call(tool="count", arguments={"low": "2"})).fault == "input"
    assert box.use([0], Call(tool="count", arguments={"low": float("nan")})).fault == "input"


@pytest.mark.parametrize(
    ("body", "fault", "error"),
    [
        ("raise Refused('closed')", "input", "closed"),
        ("raise Refused", "input", "act refused this"),
        ("raise TimeoutError", "tool", "act: TimeoutError"),
        ("raise ConnectionError('line is down')", "tool", "act: line is down"),
    ],
)
def test_whose_failure_it_is(body: str, fault: str, error: str) -> None:
    box = Toolbox()
    names: dict[str, Any] = {"Refused": Refused}
    exec(f"def act(state):\n    'Act.'\n    {body}", names)
    box.tool(names["act"])
    result = box.use(None, Call(tool="act", arguments={}))
    assert (result.fault, result.error, result.value) == (fault, error, None)


def test_an_argument_may_have_a_name_that_python_keeps_to_itself() -> None:
    box = Toolbox()

    @box.tool
    def mails(state: Any, from_: Annotated[str, Field(alias="from")]) -> str:
        """Count mails."""
        return from_

    assert list(box.tools()[0].parameters["properties"]) == ["from"]
    assert box.use(None, Call(tool="mails", arguments={"from": "ada"})).value == "ada"
    assert "did you mean 'from'" in box.use(None, Call(tool="mails", arguments={"fro": ""})).error


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["copy", "json", "schema", "model_config", "model_extra"])
def test_an_argument_may_have_a_name_that_pydantic_keeps_to_itself(name: str) -> None:
    box, made = Toolbox(), dict[str, Any]()
    exec(f"def show(state, {name}: str = 'none', other: int = 1):\n    return {name}", made)
    made["show"].__doc__ = "Return it."
    box.tool(made["show"])
    assert list(box.tools()[0].parameters["properties"]) == [name, "other"]
    assert box.use(None, Call(tool="show", arguments={name: "a"})).value == "a"
    assert box.use(None, Call(tool="show", arguments={"other": 2})).value == "none"
    wrong = box.use(None, Call(tool="show", arguments={name: 3}))
    assert wrong.error.startswith(f"show: {name} is 3;")
