"""The returns task: phrases fill, answers stand in the text, splits apart, errors priced."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from random import Random

import jsonschema
import pytest

from rung.core.errors import ConfigError
from rung.core.records import Split
from rung.forms import Value, compile_form, find, is_findable
from rung.tasks.answers import Answers
from rung.tasks.contract import format_contract, parse_contract
from rung.tasks.replies import compose, slots_of
from rung.tasks.scorers import score_output
from rung.tasks.splits import check_leaks
from rung.tasks.task import Example, Task
from rung.worlds.returns import REASONS, SCHEMA, generate, generate_day, outcome_of, task_fields
from rung.worlds.returns.bank import load
from rung.worlds.returns.message import SHAPES, Draft
from rung.worlds.returns.reasons import BY_ID, IDS

BANK = load()
FAMILIES = [family for families in BANK.families.values() for family in families]


@pytest.fixture(scope="module")
def splits() -> dict[Split, list[Example]]:
    return generate(num_train=200, num_dev=60, num_holdout=250)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(name="returns", path=tmp_path, **task_fields())


def test_every_phrase_fills() -> None:
    for family in FAMILIES:
        assert set(family.goods) <= set(BANK.goods)
        for phrase in (*family.say, *BANK.subjects[family.reason]):
            filled = Draft(random=Random(1), bank=BANK, family=family).fill(phrase)
            assert not set("{}") & set(filled), phrase
    wordings = [wording for family in FAMILIES for wording in family.say]
    assert len(set(wordings)) == len(wordings)
    goods = [good for goods in BANK.goods.values() for good in goods]
    assert not [good for good in goods if good[0] in "aeiou"], "phrases say 'a' before a good"


def test_five_templates_are_four_fifths_and_a_prefix_has_the_mix_of_the_whole(
    splits: dict[Split, list[Example]],
) -> None:
    templates = [reason for reason in REASONS if reason.outcome != "person"]
    assert len(templates) == 5
    assert sum(reason.share for reason in templates) == pytest.approx(0.8)
    assert sum(reason.share for reason in REASONS) == pytest.approx(1.0)
    assert sum(shape.share for shape in SHAPES) == pytest.approx(1.0)
    first = Counter(example.target["reason"] for example in splits["holdout"][:100])
    assert all(abs(first[reason.id] - 100 * reason.share) <= 2 for reason in REASONS)


def test_what_is_asked_for_stands_in_the_message(splits: dict[Split, list[Example]]) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    slots = {name: node for name, node in compile_form(SCHEMA).fields if is_findable(node)}
    assert set(slots) == {"order_id", "price"}
    doubts = 0
    examples = [example for part in splits.values() for example in part]
    for example in examples:
        validator.validate(example.target)
        assert not set("{}") & set(example.input)
        for name, node in slots.items():
            assert isinstance(node, Value)
            found = find(node, example.input)
            doubts += found.is_ambiguous
            wanted = example.target[name]
            assert wanted in found.candidates if wanted else not found.candidates, example.input
    assert 0 < doubts / len(examples) < 0.06, "another order is sometimes mentioned"
    missing = sum(example.target["order_id"] is None for example in examples) / len(examples)
    assert 0.06 < missing < 0.15


def test_same_seed_same_messages_and_no_group_straddles(splits: dict[Split, list[Example]]) -> None:
    assert generate(num_train=200, num_dev=60, num_holdout=250) == splits
    other = generate(num_train=0, num_dev=0, num_holdout=60, seed=1)
    assert not {e.input for e in other["holdout"]} & {e.input for e in splits["holdout"]}
    check_leaks(splits, ties="near")
    with pytest.raises(ConfigError, match="num_dev is -1"):
        generate(num_dev=-1)


@pytest.mark.parametrize(
    ("true", "said", "usd"),
    [
        ("wrong_size", "changed_mind", 0.0),  # benign: the same refund
        ("fraud_hint", "safety", 0.0),  # benign: a person reads both
        ("defective", "wrong_size", 18.0),  # sold again without a look
        ("gift", "changed_mind", 20.0),  # the giver gets the money
        ("wrong_size", "partial_refund", 4.0),  # a person, for nothing
        ("safety", "defective", 400.0),
        ("gift", "gift", 0.0),
    ],
)
def test_error_costs_follow_outcomes(task: Task, true: str, said: str, usd: float) -> None:
    assert task.error_cost is not None
    assert task.error_cost.cost_usd(true, said) == usd
    assert (outcome_of(true) == outcome_of(said)) == (usd == 0.0)


def test_the_contract_survives_its_file(task: Task) -> None:
    contract = parse_contract(format_contract(task), Answers(SCHEMA), "task.toml")
    assert (contract.scoring, contract.gate) == (task.scoring, task.gate)
    assert (contract.error_cost, contract.replies) == (task.error_cost, task.replies)
    assert len(task.instruction.split()) <= 130


def test_only_templates_are_answered_and_only_from_bound_facts(task: Task) -> None:
    assert task.replies is not None
    assert set(task.replies.texts) == {r.id for r in REASONS if r.outcome != "person"}
    for reason, text in task.replies.texts.items():
        assert set(slots_of(text)) == {"order_id"}
        reply = compose(task.replies, {"reason": reason, "order_id": "AB-123456", "price": None})
        assert reply is not None and "AB-123456" in reply and not set("{}") & set(reply)
        assert compose(task.replies, {"reason": reason, "order_id": None}) is None
    assert compose(task.replies, {"reason": "fraud_hint", "order_id": "AB-123456"}) is None
    assert compose(task.replies, None) is None


def test_floors_are_low_and_the_oracle_is_right(
    task: Task, splits: dict[Split, list[Example]]
) -> None:
    constant = {"reason": "wrong_size", "order_id": None, "price": None}
    for output in ({}, constant):
        scores = [score_output(task, example, dict(output)) for example in splits["holdout"]]
        assert sum(score.score for score in scores) / len(scores) <= 0.25
        assert sum(score.strict for score in scores) / len(scores) <= 0.05
    for example in splits["holdout"]:
        oracle = score_output(task, example, example.target)
        assert oracle.score == 1.0 and oracle.strict and oracle.error_cost_usd == 0.0


KEYWORDS = {
    "wrong_size": r"\b(?:sizes?|fits?|small|large|big|tight)\b",
    "defective": r"\b(?:faulty|fault|defect|works?|working|broke)\b",
    "shipping_damage": r"\b(?:parcel|box|carrier|transit|courier|damaged)\b",
    "gift": r"\b(?:gift|present|birthday|voucher|wedding)\b",
    "partial_refund": r"\b(?:part|partial|discount|reduction)\b",
    "other_item": r"\b(?:exchange|swap|instead)\b",
    "refund_missing": r"\brefund\b.*\b(?:waiting|weeks|when|where)\b",
    "safety": r"\b(?:dangerous|hazard|doctor|lawyer)\b",
    "out_of_window": r"\b(?:months|exception|deadline|too late)\b",
}


def test_words_alone_do_not_tell_the_reason(splits: dict[Split, list[Example]]) -> None:
    """The obvious words, rarest reason first, leave a quarter of the reasons unknown; no oracle."""
    order = sorted(KEYWORDS, key=lambda reason: BY_ID[reason].share)

    def guess(text: str) -> str:
        low = text.lower()
        return next((r for r in order if re.search(KEYWORDS[r], low)), "changed_mind")

    right = [guess(e.input) == e.target["reason"] for e in splits["holdout"]]
    assert 0.3 <= sum(right) / len(right) <= 0.8


def test_bad_days() -> None:
    normal = generate_day("normal", num_messages=200)
    surge = generate_day("surge", num_messages=200)
    gifts = [sum(e.target["reason"] == "gift" for e in day) for day in (normal, surge)]
    assert gifts[1] > 2.5 * gifts[0]
    new = generate_day("new_failure", num_messages=200)
    unseen = [e for e in new if ".update@" in e.group]
    assert 0.08 < len(unseen) / 200 < 0.2
    assert {e.target["reason"] for e in unseen} == {"defective"}
    wrong = generate_day("mislabelled", num_messages=200)
    shifted = [i for i, e in enumerate(wrong) if e.target["reason"] != e.group.split(".")[0]]
    assert shifted == list(range(80, 120)), "one run of a fifth"
    assert {wrong[i].target["reason"] for i in range(200)} <= set(IDS)
    with pytest.raises(ConfigError, match="no day 'busy'"):
        generate_day("busy")  # type: ignore[arg-type]


@pytest.mark.slow
def test_large_sizes_do_not_leak() -> None:
    check_leaks(generate(num_train=3000, num_dev=600, num_holdout=1500, seed=2), ties="near")
