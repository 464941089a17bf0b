import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.tasks import duplicates
from rung.tasks.duplicates import Components, near_duplicates, normal_text, similarity


@pytest.mark.parametrize(
    "text, normal",
    [
        ("Where's my CARD?!", "where s my card"),
        ("order 1234", "order 0000"),
        ("  a\t b\n", "a b"),
        ("Straße", "strasse"),
        ("ﬁne", "fine"),  # a ligature, by NFKC
        ("कि", "कि"),  # a vowel sign is no punctuation
        ("👍", "👍"),  # a text of symbols keeps them
        ("?!", "?!"),
    ],
)
def test_normal_text(text, normal):
    assert normal_text(text) == normal


def test_similarity_known_answers():
    assert similarity("abcdef", "ABC-def") == 0.0  # the hyphen makes two words
    assert similarity("Same text.", "same  text") == 1.0
    # " abcdef " has the 5-grams " abcd abcde bcdef cdef ", " abcdeg " shares the first two of four
    assert similarity("abcdef", "abcdeg") == pytest.approx(2 / 6)


def linked(texts):
    joined = Components(len(texts))
    for tie in near_duplicates(texts):
        joined.join(tie.first, tie.second)
    return [joined.find(position) for position in range(len(texts))]


def test_known_pairs():
    texts = [
        "How old do you have to be to open an account?",
        "What is the exchange rate today?",
        "How old do you have to be to be able to open an account?",  # 41 of 48 5-grams
        "what is the EXCHANGE rate, today",
        "Can I open an account for my daughter?",
    ]
    assert linked(texts) == [0, 1, 0, 1, 4]
    kinds = {(tie.first, tie.second): tie.kind for tie in near_duplicates(texts)}
    assert kinds == {(0, 2): "near", (1, 3): "text"}


def test_empty_and_single():
    assert near_duplicates([]) == []
    assert near_duplicates(["a"]) == []


def test_chains_are_followed():
    words = [f"w{chr(97 + i)}{chr(122 - i)}o{chr(97 + i)}" for i in range(26)]
    chain = [" ".join(words[start : start + 18]) for start in range(9)]
    assert similarity(chain[0], chain[-1]) < 0.8
    assert set(linked(chain)) == {0}


def test_work_on_a_long_common_template_is_bounded(monkeypatch):
    rng = random.Random(0)
    body = "".join(rng.choices("abcdefgh ", k=120))
    texts = [body + "".join(rng.choices("ijklmnop ", k=20)) for _ in range(100)]
    counted = []
    exact = duplicates._jaccard
    monkeypatch.setattr(duplicates, "_jaccard", lambda a, b: counted.append(1) or exact(a, b))
    monkeypatch.setattr(duplicates, "_FREE_CHECKS", 50)
    monkeypatch.setattr(duplicates, "_CHECKS_PER_TEXT", 1)
    monkeypatch.setattr(duplicates, "THRESHOLD", 0.95)
    near_duplicates(texts)
    assert len(counted) == 50 + 100  # of 4,950 pairs


words = st.sampled_from(["card", "money", "lost", "new", "old", "bank", "app", "refund", "late"])
sentences = st.lists(words, min_size=4, max_size=9).map(" ".join)


@settings(max_examples=25)
@given(st.lists(sentences, max_size=25))
def test_every_similar_pair_is_linked(texts):
    roots = linked(texts)
    for first in range(len(texts)):
        for second in range(first):
            if similarity(texts[first], texts[second]) >= 0.8:
                assert roots[first] == roots[second]


@settings(max_examples=25)
@given(st.lists(sentences, max_size=12))
def test_ties_are_truly_similar(texts):
    for tie in near_duplicates(texts):
        assert tie.similarity == pytest.approx(similarity(texts[tie.first], texts[tie.second]))
        assert tie.similarity >= 0.8
