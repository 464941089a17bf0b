"""Reading results files and pairing routes: what is accepted, and what is refused and why."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rung.core.errors import GateError
from rung.core.records import Row, Usage
from rung.gate.rows import gather, pair, read_rows


def write(path, *lines):
    path.write_text(
        "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    )
    return path


def test_every_key_of_a_row_survives_a_round_trip(tmp_path):
    row = Row(
        example="e1",
        group="g1",
        sample=2,
        score=0.5,
        strict=False,
        output={"intent": "refund", "tags": [1, None]},
        usage=Usage(prompt_tokens=9, cached_tokens=3, forced_tokens=8, output_tokens=2),
        latency_ms=12.5,
        cost_usd=0.001,
        error="time-out",
        status="failed",
        error_cost_usd=2.0,
        fields={"intent": 0.0, "tags": 1.0},
        forbidden=("leak",),
    )
    assert read_rows(write(tmp_path / "a.jsonl", row.to_json())) == [row]


def test_missing_optional_keys_get_defaults(tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        {"example": "a", "score": 1},
        "",
        {"example": "a", "score": 0.9, "strict": None, "unknown": 1},
        {"example": 7, "score": 0, "error": "boom"},
    )
    first, second, third = read_rows(path)
    assert first == Row(example="a", group="a", score=1.0, strict=True)
    assert (second.sample, second.strict) == (1, False)
    assert (third.example, third.group, third.status) == ("7", "7", "failed")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2"),
        ("[1]", "expected a JSON object"),
        ({"score": 1}, "example is missing"),
        ({"example": "a"}, "score is missing"),
        ({"example": "a", "score": 1.5}, "score is 1.5, not a number from 0 to 1"),
        ('{"example": "a", "score": NaN}', "score is nan"),
        ({"example": "a", "score": True}, "score is True"),
        ({"example": ["a"], "score": 1}, "example is ['a'], not a string"),
        ({"example": "a", "score": 1, "sample": -1}, "sample is -1"),
        ({"example": "a", "score": 1, "strict": "yes"}, "strict is 'yes'"),
        ({"example": "a", "score": 1, "cost_usd": -0.1}, "cost_usd is -0.1"),
        ('{"example": "a", "score": 1, "cost_usd": Infinity}', "cost_usd is inf"),
        ({"example": "a", "score": 1, "usage": 3}, "usage is 3, not an object"),
        ({"example": "a", "score": 1, "usage": {"output_tokens": 1.5}}, "output_tokens is 1.5"),
        ({"example": "a", "score": 1, "status": "fine"}, "not one of ok, repaired"),
        ({"example": "a", "score": 1, "fields": [1]}, "fields is [1]"),
        ({"example": "a", "score": 1, "forbidden": "leak"}, "forbidden is 'leak'"),
        ({"example": "x" * 90, "score": "x" * 90}, "..."),
    ],
)
def test_bad_lines_are_named(tmp_path, line, message):
    path = write(tmp_path / "bad.jsonl", {"example": "ok", "score": 1}, line)
    with pytest.raises(GateError) as caught:
        read_rows(path)
    assert "bad.jsonl, line 2: " in caught.value.message
    assert message in caught.value.message
    assert caught.value.hint


def test_empty_missing_and_binary_files_are_refused(tmp_path):
    with pytest.raises(GateError, match=r"empty\.jsonl has no rows"):
        read_rows(write(tmp_path / "empty.jsonl", "", " "))
    with pytest.raises(GateError, match=r"absent\.jsonl: No such file or directory \("):
        read_rows(tmp_path / "absent.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GateError, match="cannot read results file"):
        read_rows(tmp_path / "binary.jsonl")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            key: json_values
            for key in ("example", "group", "sample", "score", "strict", "usage", "cost_usd")
            + ("status", "error", "fields", "forbidden", "latency_ms", "output")
        },
    )
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_object_is_a_row_or_a_gate_error(tmp_path, data):
    path = write(tmp_path / "any.jsonl", {"example": "ok", "score": 1, **data})
    try:
        (row,) = read_rows(path)
    except GateError:
        return
    assert 0.0 <= row.score <= 1.0
    assert json.dumps(row.to_json())


def rows(*examples, group=None, score=1.0):
    return [Row(example=e, group=group or e, score=score, strict=score == 1.0) for e in examples]


def test_samples_are_gathered_and_averaged():
    samples = [
        Row(example="a", group="g", sample=s, score=s / 2, strict=s == 2, cost_usd=float(s))
        for s in (2, 0, 1)
    ]
    gathered = gather(samples, name="A")["a"]
    assert (gathered.mean("score"), gathered.mean("cost_usd")) == (0.5, 1.0)
    assert [row.sample for row in gathered.rows] == [0, 1, 2]


@pytest.mark.parametrize(
    ("outcomes", "majority"), [([1], True), ([1, 0], False), ([1, 1, 0], True), ([0], False)]
)
def test_strict_needs_more_than_half_of_the_samples(outcomes, majority):
    samples = [
        Row(example="a", group="a", sample=i, score=1.0, strict=bool(right))
        for i, right in enumerate(outcomes)
    ]
    assert gather(samples, name="A")["a"].strict is majority


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ([], "A has no rows"),
        (rows("a") + rows("a"), "has sample 0 twice"),
        (rows("a", score=1.2), "score 1.2"),
        (
            [
                Row(example="a", group="g", score=1, strict=True),
                Row(example="a", group="h", sample=1, score=1, strict=True),
            ],
            "more than one group",
        ),
        (rows("a", "b", "c"), "B lacks 1 examples that the other route has: 'c'"),
        (rows("a"), "A lacks 1 examples that the other route has: 'b'"),
        (rows("a", "b", group="g"), "2 examples are in different groups in A and B: 'a', 'b'"),
        (rows("a", "b", *"123456"), "B lacks 6 examples that the other route has: '1', '2', '3'"),
    ],
)
def test_rows_that_cannot_be_paired_are_refused(first, message):
    with pytest.raises(GateError, match=message):
        pair(first, rows("a", "b"), reference_name="A", candidate_name="B")


def test_pairs_are_sorted_whatever_the_order_of_the_rows():
    pairs = pair(rows("b", "a"), rows("a", "b"), reference_name="A", candidate_name="B")
    assert [one.example for one in pairs.reference] == ["a", "b"]
    assert [one.example for one in pairs.candidate] == pairs.groups == ["a", "b"]
