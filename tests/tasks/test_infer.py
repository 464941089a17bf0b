import pytest

from rung.core.errors import TaskError
from rung.tasks.answers import Answers
from rung.tasks.infer import convert, infer_schema


def infer(values):
    return infer_schema([{"x": value} for value in values])["properties"]["x"]


@pytest.mark.parametrize(
    "values, node",
    [
        (["b", "a", "b", "a"], {"type": "string", "enum": ["a", "b"]}),
        (["a", "b", "c"], {"type": "string"}),  # fewer than two rows a label
        ([f"l{i}" for i in range(200)] * 2, "enum"),
        ([f"l{i}" for i in range(201)] * 2, {"type": "string"}),  # too many
        (["x" * 101, "y"] * 2, {"type": "string"}),  # too long for a label
        (["True", "false"], {"type": "boolean"}),
        ([True, False], {"type": "boolean"}),
        (["1", "2", "2", "1"], {"type": "integer", "enum": [1, 2]}),
        ([str(i) for i in range(21)] * 2, {"type": "integer"}),
        ([1, 2, 3], {"type": "integer"}),
        (["1.5", "2"], {"type": "number"}),
        ([1.5, 2], {"type": "number"}),
        (["007", "008"], {"type": "string"}),  # a code, not a number
        (["2024-01-31", "2023-12-01"], {"type": "string", "format": "date"}),
        (["2024-02-30", "2023-12-01"], {"type": "string"}),  # no such day
        ([["a"], ["a", "b", "b"]], {"type": "array", "items": {"type": "string",
         "enum": ["a", "b"]}}),
        ([[], []], {"type": "array", "items": {"type": "string"}}),
        ([1, None], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        ([None, None], {"type": "null"}),
        ([["1"], ["22"]], {"type": "array", "items": {"type": "string"}}),  # JSON, not a cell
    ],
)  # fmt: skip
def test_kinds(values, node):
    found = infer(values)
    assert "enum" in found if node == "enum" else found == node


def test_objects_and_missing_fields():
    schema = infer_schema([{"a": {"b": 1}, "c": "x"}, {"a": {"b": 2, "d": True}}])
    assert schema["required"] == ["a"]
    assert schema["properties"]["a"]["required"] == ["b"]
    assert list(schema["properties"]["a"]["properties"]) == ["b", "d"]


def test_json_values_keep_their_type():
    targets = [{"id": "10432", "paid": "true", "lines": {"sku": "7"}}] * 2
    assert infer_schema(targets)["properties"]["id"] == {"type": "integer", "enum": [10432]}
    node = infer_schema(targets, text_cells=False)["properties"]
    assert [node[name].get("type") for name in node] == ["string", "string", "object"]
    assert infer_schema(targets)["properties"]["lines"] == node["lines"]


def test_mixed_types_are_refused():
    with pytest.raises(TaskError, match="'x' holds values of types int, str"):
        infer([1, "a"])


@pytest.mark.parametrize(
    "text, node, value",
    [
        ("a", {"enum": ["a", 1]}, "a"),
        ("1", {"enum": ["a", 1]}, 1),
        ("true", {"enum": [True, False]}, True),
        ("z", {"enum": ["a"]}, "z"),
        ("TRUE", {"type": "boolean"}, True),
        ("yes", {"type": "boolean"}, "yes"),
        ("3", {"type": "number"}, 3),
        ("-3.50", {"type": "number"}, -3.5),
        ("3 kg", {"type": "number"}, "3 kg"),
        ("١", {"type": "integer"}, "١"),  # ASCII digits only
        ('["a"]', {"type": "array"}, ["a"]),
        ("[a", {"type": "array"}, "[a"),
        ("[NaN]", {"type": "array"}, "[NaN]"),
        ('{"a": 1}', {"type": "object"}, {"a": 1}),
        ("3", {"type": "string"}, "3"),
        (3, {"type": "string"}, 3),
    ],
)
def test_text_cells_become_what_the_schema_asks_for(text, node, value):
    found = convert(text, node)
    assert (found, type(found)) == (value, type(value))


def test_an_inferred_schema_accepts_what_it_was_inferred_from():
    targets = [{"a": str(i), "b": ["x"], "c": f"{i}.5"} for i in range(5)]
    answers = Answers(infer_schema(targets))
    for target in targets:
        converted = {name: convert(v, answers.fields[name]) for name, v in target.items()}
        answers.check(converted, "row")
