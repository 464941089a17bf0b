from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import TaskError
from rung.tasks.splits import (
    Shares,
    check_leaks,
    components,
    find_ties,
    split_examples,
    split_hash,
)
from rung.tasks.task import Example


def example(number, *, text=None, label="a", group=None):
    return Example(
        id=f"e{number:04}",
        input=text or f"{number:b}".replace("0", "no ").replace("1", "yes "),
        target={"label": label},
        group=group or f"e{number:04}",
    )


@pytest.mark.parametrize(
    "num, wanted",
    [
        (2000, (1200, 300, 500)),
        (1000, (550, 150, 300)),  # the holdout is raised to 300
        (100, (45, 15, 40)),  # but to no more than 40 %
        (10, (4.5, 1.5, 4)),
    ],
)
def test_wanted_sizes(num, wanted):
    assert tuple(Shares().wanted(num).values()) == pytest.approx(wanted)


def test_labels_keep_their_shares():
    labels = ["common"] * 1600 + ["rare"] * 380 + ["few"] * 20
    examples = [example(i, label=label) for i, label in enumerate(labels)]
    splits = split_examples(examples, ties="group", seed=3)
    assert {split: len(members) for split, members in splits.items()} == pytest.approx(
        {"train": 1200, "dev": 300, "holdout": 500}, abs=2
    )
    counts = {s: Counter(e.target["label"] for e in members) for s, members in splits.items()}
    assert counts["train"] == pytest.approx({"common": 960, "rare": 228, "few": 12}, abs=1)
    assert counts["dev"] == pytest.approx({"common": 240, "rare": 57, "few": 3}, abs=1)
    assert counts["holdout"] == pytest.approx({"common": 400, "rare": 95, "few": 5}, abs=1)


def test_every_label_is_in_train():
    labels = [f"l{i % 40}" for i in range(80)]
    splits = split_examples([example(i, label=la) for i, la in enumerate(labels)], ties="group")
    assert {e.target["label"] for e in splits["train"]} == set(labels)


def test_a_huge_component_goes_to_train():
    examples = [example(i, group="big" if i < 90 else None) for i in range(100)]
    splits = split_examples(examples, ties="group")
    assert len(splits["train"]) >= 90
    assert splits["dev"] and splits["holdout"]


def test_three_components_fill_three_splits():
    examples = [example(i, label=f"l{i // 2}", group=f"g{i // 2}") for i in range(6)]
    assert [len(members) for members in split_examples(examples, ties="group").values()] == [2] * 3


def test_too_few_components():
    examples = [example(i, text=f"order {i} is late", group="g" * (i % 2 + 1)) for i in range(8)]
    with pytest.raises(TaskError, match="8 examples: they fall into 1 independent groups") as error:
        split_examples(examples)
    assert "--ties" in error.value.hint


def test_ties_by_rule():
    examples = [
        example(0, text="my card is late and I want it now", group="g"),
        example(1, text="what is the exchange rate", group="g"),
        example(2, text="What is the EXCHANGE rate?"),
        example(3, text="my card is late and I want it now please"),
        example(4, text="something else entirely"),
    ]
    kinds = {(t.first, t.second): t.kind for t in find_ties(examples)}
    assert kinds == {(0, 1): "group", (1, 2): "text", (0, 3): "near"}
    assert components(examples, "near") == [[0, 1, 2, 3], [4]]
    assert components(examples, "exact") == [[0, 1, 2], [3], [4]]
    assert components(examples, "group") == [[0, 1], [2], [3], [4]]


def test_one_question_after_different_conversations_is_no_tie():
    asked = Example(id="a", input="Please send my parcel home.", target={}, group="a")
    before = "I moved house in spring and my new home is in {} by the river."
    graz, turku = ((("Hello!", before.format(city)),) for city in ("Graz", "Turku, in Finland,"))
    first, second = (
        replace(asked, id=city, group=city, earlier=said)
        for city, said in (("g", graz), ("t", turku))
    )
    assert len(find_ties([asked, replace(asked, id="b", group="b")], "exact")) == 1
    assert find_ties([first, second], "exact") == []
    assert len(find_ties([first, replace(first, id="x", group="x")], "exact")) == 1


@pytest.mark.parametrize(
    "one, other, message",
    [
        (example(1, group="g"), example(2, group="g"), "'e0001' in train and 'e0002' in holdout "
         "are both of group 'g'"),
        (example(1, text="Hi there"), example(2, text="hi, there!"), "say the same"),
        (
            example(1, text="please send the new card to my home"),
            example(2, text="please send the new card to my home today"),
            r"are near-duplicates \(similarity 0.8",
        ),
    ],
)  # fmt: skip
def test_leaks_name_the_pair(one, other, message):
    far = example(3, text="nothing like the others")
    with pytest.raises(TaskError, match=message) as error:
        check_leaks({"train": [one], "dev": [far], "holdout": [other]})
    assert "--resplit" in error.value.hint
    check_leaks({"train": [one, other], "dev": [far], "holdout": []})
    splits = {"train": [one], "dev": [other], "holdout": [far]}
    check_leaks(splits, sealed_only=True)
    with pytest.raises(TaskError, match="in dev"):
        check_leaks(splits)


def test_split_hash_sees_every_part_of_an_example():
    base = example(1)
    changed = [
        replace(base, id="x"),
        replace(base, input="x"),
        replace(base, target={"label": "b"}),
        replace(base, group="x"),
        replace(base, setup={"x": "y"}),
        replace(base, earlier=(("x",),)),
    ]
    assert len({split_hash([e]) for e in [base, *changed]}) == 7
    # known answer: printf '["1","hi",{"x":"é"},"g"]\n' | sha256sum
    assert split_hash([Example(id="1", input="hi", target={"x": "é"}, group="g")]) == (
        "acf3c7355997b9cf8e3bba4d00cded4826d83e6f63d58a91085234a51e1860d7"
    )


words = st.sampled_from(["card", "money", "lost", "new", "old", "bank", "app", "transfer"])
examples = st.lists(
    st.tuples(
        st.lists(words, min_size=3, max_size=7).map(" ".join),
        st.sampled_from("abc"),
        st.integers(0, 30),
    ),
    max_size=24,
).map(
    lambda rows: [
        Example(id=f"e{i}", input=text, target={"label": label}, group=f"g{group}")
        for i, (text, label, group) in enumerate(rows)
    ]
)


@settings(max_examples=25)
@given(examples, st.integers(0, 9), st.randoms(use_true_random=False))
def test_splits_partition_never_leak_and_ignore_the_order(examples, seed, random):
    if len(components(examples)) < 3:
        return
    splits = split_examples(examples, seed=seed)
    assert sorted(e.id for members in splits.values() for e in members) == sorted(
        e.id for e in examples
    )
    assert all(splits.values())
    check_leaks(splits)
    shuffled = random.sample(examples, len(examples))
    assert split_examples(shuffled, seed=seed) == splits


@settings(max_examples=25)
@given(examples, st.randoms(use_true_random=False))
def test_hash_ignores_the_order(examples, random):
    assert split_hash(random.sample(examples, len(examples))) == split_hash(examples)


def test_another_seed_gives_other_splits():
    examples = [example(i) for i in range(60)]
    one, other = (split_examples(examples, seed=seed, ties="group") for seed in (0, 1))
    assert one != other
