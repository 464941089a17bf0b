import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import TaskError
from rung.tasks.answers import Answers
from rung.tasks.rows import format_rows, read_rows
from rung.tasks.task import Example

ANSWERS = Answers({"type": "object", "properties": {"x": {"enum": ["a", "b", 1]}, "t": {}}})


def read(tmp_path, *rows):
    path = tmp_path / "examples.jsonl"
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    return read_rows(path, ANSWERS)


def test_group_defaults_to_id_and_split_to_none(tmp_path):
    assert read(tmp_path, {"id": "1", "input": "hi", "target": {"x": "a"}}, "", "  ") == [
        (Example(id="1", input="hi", target={"x": "a"}, group="1"), None)
    ]


ROW = {"id": "1", "input": "hi", "target": {"x": "a"}}


@pytest.mark.parametrize(
    "rows, message",
    [
        ([], "it has no examples"),
        (["[]"], "line 1: a row is a JSON object"),
        (["{"], "line 1: not JSON"),
        ([ROW | {"spilt": "dev"}], r"unknown key 'spilt' \(did you mean 'split'\?\)"),
        ([ROW | {"split": "test"}], "unknown split 'test'"),
        ([ROW | {"split": ["dev"]}], "unknown split"),
        ([ROW | {"id": 7}], "id must be text, not 7"),
        ([{"id": "1", "input": "hi"}], "row '1': target must be a JSON object, not None"),
        ([ROW | {"input": " "}], "row '1': the input is blank"),
        ([ROW | {"input": "é" * 33_000}], "the input has 66,000 bytes, more than 65,536"),
        ([ROW, "", ROW], "line 3: id '1' is already on line 1"),
        ([ROW | {"target": {"x": "c"}}], r"line 1, row '1': target \$\.x = 'c'"),
        ([ROW | {"group": 3}], "group must be text"),
        ([ROW | {"setup": []}], "row '1': setup must be a JSON object, not \\[\\]"),
    ],
)
def test_bad_rows_name_line_and_value(tmp_path, rows, message):
    with pytest.raises(TaskError, match=message):
        read(tmp_path, *rows)


def test_row_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("rung.tasks.rows.MAX_ROWS", 2)
    rows = [ROW | {"id": str(number)} for number in range(3)]
    assert len(read(tmp_path, *rows[:2])) == 2
    with pytest.raises(TaskError, match="more than 2 rows"):
        read(tmp_path, *rows)


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
examples = st.builds(
    Example,
    id=texts,
    input=texts,
    group=texts,
    target=st.fixed_dictionaries({"x": st.sampled_from(["a", 1]), "t": texts}),
)
rows = st.lists(
    st.tuples(examples, st.sampled_from(["train", "dev", "holdout", None])),
    min_size=1,
    max_size=5,
    unique_by=lambda row: row[0].id,
)


@settings(max_examples=40)
@given(rows)
def test_rows_round_trip(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "examples.jsonl"
    path.write_text("".join(format_rows(rows)), encoding="utf-8", newline="\n")
    assert read_rows(path, ANSWERS) == rows


def test_what_a_world_starts_from_comes_back(tmp_path):
    ((example, _),) = read(tmp_path, ROW | {"setup": {"rooms": [1, 2]}})
    assert example.setup == {"rooms": [1, 2]}
    ((again, _),) = read(tmp_path, *format_rows([(example, None)]))
    assert again == example
