import warnings

import pytest
from pydantic import BaseModel

from rung.core.errors import TaskError
from rung.tasks.answers import Answers, read_answers


def one_field(node, **rest):
    return {"type": "object", "properties": {"x": node}, **rest}


@pytest.mark.parametrize(
    "node, kind",
    [
        ({"type": "string", "enum": ["a", "b"]}, "label"),
        ({"const": 3}, "label"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "integer"}, "number"),
        ({"type": ["number", "null"]}, "number"),
        ({"type": "array", "items": {}}, "array"),
        ({"type": "object"}, "object"),
        ({"type": "string", "format": "date"}, "code"),
        ({"type": "string", "pattern": "^A"}, "code"),
        ({"type": "string", "maxLength": 9}, "text"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "number"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "any"),
        ({"$ref": "#/$defs/color"}, "label"),
        ({"allOf": [{"$ref": "#/$defs/color"}], "description": "d"}, "label"),
        ({"$ref": "#/$defs/loop"}, "any"),
        ({"$ref": "#/$defs/none"}, "any"),
        (True, "any"),
        ({"type": ["string", "integer"]}, "any"),
    ],
)
def test_kind_of_a_field(node, kind):
    defs = {"color": {"enum": ["red"]}, "loop": {"$ref": "#/$defs/loop"}}
    assert Answers(one_field(node, **{"$defs": defs})).kind("x") == kind


def test_pydantic_models_have_kinds():
    class Item(BaseModel):
        paid: bool
        note: str | None = None

    answers = Answers(Item.model_json_schema())
    assert [answers.kind(name) for name in answers.fields] == ["boolean", "text"]
    assert answers.required == {"paid"}


@pytest.mark.parametrize(
    "schema, message",
    [
        ([], "a JSON Schema is an object, not"),
        ({"type": 3}, "not a JSON Schema: \\$.type"),
        ({"type": "string"}, "the root must be an object with properties, its type is 'string'"),
        ({"type": "object"}, "the root must be an object"),
        ({"type": "object", "properties": {}}, "it has no properties"),
    ],
)
def test_unusable_schemas(schema, message):
    with pytest.raises(TaskError, match=message):
        Answers(schema, where="form.json")


@pytest.mark.parametrize(
    "target, message",
    [
        ({"x": "reed"}, r"target \$\.x = 'reed' is not one of the enum \(did you mean 'red'\?\)"),
        ({}, r"target \$: 'x' is a required property"),
        ({"x": "red", "y": 1}, r"'y' was unexpected"),
        ({"x": "red", "n": {"k": "3"}}, r"target \$\.n\.k = '3': '3' is not of type 'integer'"),
        ({"x": "red", "d": "2024-02-30"}, r"\$\.d = '2024-02-30'"),
    ],
)
def test_a_bad_target_names_path_and_value(target, message):
    answers = Answers(
        {
            "type": "object",
            "properties": {
                "x": {"enum": ["red", "blue"]},
                "n": {"type": "object", "properties": {"k": {"type": "integer"}}},
                "d": {"type": "string", "format": "date"},
            },
            "required": ["x"],
            "additionalProperties": False,
        }
    )
    answers.check({"x": "red"}, "row 'a'")
    with pytest.raises(TaskError, match="^row 'a': target") as caught:
        answers.check(target, "row 'a'")
    assert caught.match(message)


def test_remote_references_are_never_fetched():
    answers = Answers(one_field({"$ref": "https://example.invalid/s.json"}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TaskError, match="refers to 'https://example.invalid/s.json'"):
            answers.check({"x": 1}, "row 'a'")


def test_schema_file_that_is_not_json(tmp_path):
    path = tmp_path / "form.json"
    path.write_text("{")
    with pytest.raises(TaskError, match="form.json: not JSON"):
        read_answers(path)
