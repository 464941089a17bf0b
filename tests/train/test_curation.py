"""What curation leaves out, each for the reason it names."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from rung.core.errors import ConfigError
from rung.forms import compile_form
from rung.tasks.task import Example
from rung.train.curation import Opinions, Rules, curate
from rung.train.label_noise import confident_others, find_suspects

FORM = compile_form(
    {
        "type": "object",
        "properties": {
            "category": {"enum": ["billing", "account_access"]},
            "amount": {"type": ["integer", "null"]},
        },
        "required": ["category", "amount"],
        "additionalProperties": False,
    }
)


def example(id: str, text: str, group: str = "", **target: Any) -> Example:
    return Example(id=id, input=text, target=target, group=group or id)


SOME = (
    example("a", "the order was charged twice", category="billing", amount=None),
    example("b", "I cannot log in any more", category="Account Access", amount="12", note="old"),
    example("c", "the order was charged twice!", category="billing", amount=None),
    example("d", "refund 40 please, it is late", category="billing", amount=40),
    example("e", "Refund 40 please, it is  late", category="account_access", amount=40),
    example("f", "where is my parcel", category="shipping", amount=None),
    example("g", "the order of monday 12 is wrong", category="billing", amount=12),
    example("h", "the order of monday 49 is wrong", category="billing", amount=49),
)


def left_out(sieve: str, rules: Rules = Rules(), **opinions: Any) -> dict[str, str]:  # noqa: B008
    found = curate(SOME, FORM, rules, Opinions(**opinions))
    return {
        drop.example: drop.detail
        for one in found.sifted
        if one.sieve == sieve
        for drop in one.dropped
    }


def test_older_targets_are_brought_to_the_form_and_others_dropped() -> None:
    found = curate(SOME, FORM)
    kept = {one.id: one.target for one in found.kept}
    assert kept["b"] == {"category": "account_access", "amount": 12}
    assert list(left_out("drift")) == ["f"]
    assert "shipping" in left_out("drift")["f"]
    assert found.report()["sieves"]["drift"]["num_changed"] == 1


def test_one_input_with_two_targets_is_set_aside_whole() -> None:
    assert set(left_out("conflict")) == {"d", "e"}


def test_of_examples_that_say_the_same_the_first_is_kept() -> None:
    """Texts that differ in a number are near-duplicates too, but their targets differ."""
    assert left_out("duplicate") == {"c": "says what 'a' says"}


def test_the_kept_come_in_order_and_the_report_adds_up() -> None:
    found = curate(SOME, FORM)
    assert [one.id for one in found.kept] == ["a", "b", "g", "h"]
    report = found.report()
    assert (report["num_in"], report["num_kept"]) == (8, 4)
    sizes = [(one["num_in"], one["num_kept"]) for one in report["sieves"].values()]
    assert sizes == [(8, 7), (7, 5), (5, 4), (4, 4), (4, 4), (4, 4)]
    assert report["sieves"]["duplicate"]["exemplars"][0]["example"] == "c"


def test_every_sieve_can_be_left_out() -> None:
    assert curate(SOME, FORM, Rules(sieves=())).kept == SOME
    assert len(curate(SOME, FORM, Rules(sieves=("conflict",))).kept) == 6
    with pytest.raises(ConfigError, match="conflct"):
        Rules(sieves=("conflct",))  # type: ignore[arg-type]


def test_a_committee_must_agree_with_itself_and_with_the_target() -> None:
    billing, access = {"category": "billing", "amount": 12}, {"category": "account_access"}
    committee = {
        "a": [billing, access, access | {"amount": 3}],
        "g": [access, access, billing],
        "h": [SOME[7].target, SOME[7].target, billing],
    }
    found = left_out("committee", committee=committee)
    assert found["a"] == "only 33% of 3 say the same"
    assert found["g"].startswith("67% of 3 say")
    assert set(found) == {"a", "g"}


def test_an_example_without_a_target_takes_the_committees() -> None:
    bare = example("x", "something new")
    said = {"category": "billing", "amount": None}
    found = curate([bare], FORM, opinions=Opinions(committee={"x": [said, said, {}]}))
    assert found.kept[0].target == said


def test_what_a_judge_rates_low_or_not_at_all_is_dropped() -> None:
    judged = {"a": 4.0, "b": 2.0, "g": None, "h": 3.0}
    found = left_out("judge", Rules(min_judged=3.0), judged=judged)
    assert found == {"b": "rated 2, below 3", "g": "has no rating"}


def test_the_confident_joint_of_the_paper() -> None:
    """Thresholds are each label's mean on its own examples: 0.65 and 0.6."""
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.25, 0.75], [0.3, 0.7], [0.45, 0.55], [0.45, 0.55]])
    assert confident_others(p, [0, 0, 0, 1, 1, 1]) == [None, None, 1, None, None, None]
    assert confident_others(np.full((2, 2), np.nan), [0, 1]) == [None, None]


def noisy(num_wrong: int) -> tuple[list[Example], set[str]]:
    """Return 120 examples of three kinds, of which some carry another's label."""
    random = Random(0)
    words = {
        "billing": ["invoice", "charged"],
        "travel": ["train", "hotel"],
        "it": ["login", "wifi"],
    }
    labels = sorted(words)
    found = []
    for i in range(120):
        label = labels[i % 3]
        said = [
            random.choice(words[label]),
            *("".join(random.choices("bcdfgh", k=5)) for _ in "ab"),
        ]
        found.append(example(f"e{i:03}", " ".join(said), label=label))
    wrong = {one.id for one in random.sample(found, num_wrong)}
    flipped = [
        example(one.id, one.input, label=labels[labels.index(one.target["label"]) - 1])
        if one.id in wrong
        else one
        for one in found
    ]
    return flipped, wrong


def test_planted_wrong_labels_are_found_and_kept_unless_asked() -> None:
    examples, wrong = noisy(8)
    found = find_suspects(examples)
    flagged = {one.example for one in found}
    assert len(flagged & wrong) >= 7
    assert len(flagged - wrong) <= 2
    assert all(one.p_suggested > one.p_label for one in found)
    reported = curate(examples, None, Rules(sieves=("noise",)))
    assert len(reported.kept) == 120
    assert len(reported.sifted[0].dropped) == len(flagged)
    assert len(curate(examples, None, Rules(sieves=("noise",), drop_noise=True)).kept) == 120 - len(
        flagged
    )


def test_clean_labels_are_left_alone() -> None:
    assert find_suspects(noisy(0)[0]) == ()
