import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.tasks.fields import as_text, score_field
from rung.tasks.task import FieldScoring


@pytest.mark.parametrize(
    "scorer, target, output, score",
    [
        ("exact", "Refund", " refund ", 1.0),
        ("exact", "caf\u00e9", "cafe\u0301", 1.0),  # composed and decomposed
        ("exact", "refund", "refunds", 0.0),
        ("exact", True, 1, 0.0),  # typed
        ("exact", True, "true", 0.0),
        ("exact", 1, 1.0, 1.0),
        ("exact", "1", 1, 0.0),
        ("exact", ["a", "b"], ["A", "b"], 1.0),
        ("exact", ["a", "b"], ["b", "a"], 0.0),
        ("exact", {"a": 1, "b": {"c": "x", "d": True}}, {"a": 1, "b": {"c": "X"}}, 0.75),
        ("exact", {"a": 1}, {"a": 1, "b": 2}, 0.5),  # what was not asked for costs
        ("exact", {}, {}, 1.0),
        ("exact", {"a": None}, {}, 1.0),
        ("exact", {"a": 1}, "a", 0.0),
        ("number", 3, 3.0, 1.0),
        ("number", 1.10, 1.11, 0.0),
        ("number", "12.50", 12.5, 1.0),
        ("number", 3, True, 0.0),
        ("number", 3, "three", 0.0),
        ("number", 10**400, 1.5, 0.0),
        ("number", 10**12, 10**12 + 1, 0.0),
        ("number", 1, float("nan"), 0.0),
        ("set", ["a", "b"], ["B", "A"], 1.0),
        ("set", ["a", "b"], ["a", "c", "d"], 0.4),  # 2 * 1 / (2 + 3)
        ("set", [], [], 1.0),
        ("set", ["a"], [], 0.0),
        ("set", [{"x": 1}, {"y": [1]}], [{"y": [1.0]}], 2 / 3),
        ("set", ["a"], "a", 0.0),
        # Lin 2004, section 3: LCS of "police killed the gunman" and "police kill the gunman" is 3
        ("similarity", "police killed the gunman", "police kill the gunman", 0.75),
        ("similarity", "police killed the gunman", "the gunman kill police", 0.5),
        ("similarity", "Yes, sir!", "yes sir", 1.0),
        ("similarity", "!", "?", 0.0),
        ("similarity", "!", "!", 1.0),
        ("similarity", "新しいカード", "新しいカメラ", 4 / 6),
        ("similarity", "3", 3, 0.0),
        ("similarity", None, None, 1.0),
        ("exact", "a", None, 0.0),
        ("exact", None, "a", 0.0),
    ],
)
def test_known_answers(scorer, target, output, score):
    assert score_field(FieldScoring(scorer=scorer), target, output) == pytest.approx(score)


def test_tolerance_includes_its_edge():
    rule = FieldScoring(scorer="number", tolerance=0.01)
    assert score_field(rule, 1.10, 1.11) == 1.0  # 1.11 - 1.10 is 0.01000000000000009 in binary
    assert score_field(rule, 1.10, 1.1101) == 0.0


def test_absurdly_deep_answers_score_zero():
    deep = []
    for _ in range(5000):
        deep = [deep]
    assert score_field(FieldScoring(), "a", deep) == 0.0


def test_as_text():
    assert [as_text(v) for v in ("a", True, 3, None, [1])] == ["a", "true", "3", "", "[1]"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=6,
)
rules = st.builds(
    FieldScoring,
    scorer=st.sampled_from(["exact", "number", "set", "similarity"]),
    tolerance=st.floats(0, 10),
)


@given(rules, json_values, json_values)
def test_scores_are_bounded_and_symmetric(rule, one, other):
    score = score_field(rule, one, other)
    assert 0.0 <= score <= 1.0
    assert score_field(rule, other, one) == pytest.approx(score)


finite = st.recursive(
    st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=6,
)


@given(finite)
def test_the_target_itself_scores_one(value):
    assert score_field(FieldScoring(scorer="exact"), value, value) == 1.0


@given(st.text(), st.text())
def test_similarity_is_the_longest_common_subsequence(one, other):
    def words(text):
        return text.lower().split()

    def longest(a, b):
        row = [0] * (len(b) + 1)
        for word in a:
            before = row[:]
            for j, candidate in enumerate(b):
                same = before[j] + 1 if word == candidate else max(before[j + 1], row[j])
                row[j + 1] = same
        return row[-1]

    a, b = "".join(c if c in "xyz " else "x y" for c in one), other
    b = "".join(c if c in "xyz " else "z y" for c in b)
    if words(a) and words(b):
        expected = 2 * longest(words(a), words(b)) / (len(words(a)) + len(words(b)))
        assert score_field(FieldScoring(scorer="similarity"), a, b) == pytest.approx(expected)
