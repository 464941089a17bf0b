"""The orders task: phrases fill, days and sums read back, the form holds what the text tells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import ConfigError
from rung.core.records import Split
from rung.forms import compile_form
from rung.forms.form import Value
from rung.tasks.answers import Answers
from rung.tasks.contract import format_contract, parse_contract
from rung.tasks.scorers import score_output
from rung.tasks.splits import check_leaks
from rung.tasks.task import Example, Task
from rung.worlds.orders import SCHEMA, generate, task_fields
from rung.worlds.orders.bank import KINDS, Family, load
from rung.worlds.orders.dates import Day, draw_delivery, draw_today, write_header
from rung.worlds.orders.generate import SHARES
from rung.worlds.orders.numbers import (
    CURRENCIES,
    Currency,
    Habit,
    in_words,
    write_count,
    write_money,
)
from rung.worlds.orders.order import draw_order, target
from rung.worlds.orders.slots import Slots
from rung.worlds.orders.story import tell, wanted_facts
from rung.worlds.orders.styles import STYLES

BANK = load()
FAMILIES = [family for kind in KINDS for family in BANK.families[kind]]
EXTRACTIVE = ("order_id", "customer", "company", "product")
_SLOT = re.compile(r"\{(\w+)\}")


@pytest.fixture(scope="module")
def splits() -> dict[Split, list[Example]]:
    return generate()


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(name="orders", path=tmp_path, **task_fields())


# The phrases


def phrases() -> Iterator[str]:
    for family in FAMILIES:
        yield from family.say
    for lists in (BANK.subjects, BANK.details, BANK.chatter):
        for lines in lists.values():
            yield from lines


def test_every_phrase_fills() -> None:
    order = draw_order(FAMILIES[0], "", BANK, Random(1))
    for phrase in phrases():
        slots = Slots(random=Random(1), bank=BANK, order=order)
        filled = slots.settle(slots.fill(phrase.replace("{block}", "")))
        assert not set("{}") & set(filled), phrase
        assert not re.search(r"\b[Aa]n? \{", phrase), f"a/an before a slot: {phrase}"
        assert not re.search(r"\{qty\} of \{", phrase), f"not every good has a unit: {phrase}"
    with pytest.raises(KeyError):
        Slots(random=Random(1), bank=BANK, order=order).fill("{nothing}")


def test_families_tell_one_situation_in_four_wordings() -> None:
    wordings = [wording for family in FAMILIES for wording in family.say]
    assert {len(family.say) for family in FAMILIES} == {4} and len(FAMILIES) >= 100
    assert len(set(wordings)) == len(wordings)
    assert len({(family.kind, family.id) for family in FAMILIES}) == len(FAMILIES)
    assert min(len(families) for families in BANK.families.values()) >= 16


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: f"{family.kind}.{family.id}")
def test_a_family_is_consistent(family: Family) -> None:
    assert set(family.goods) <= set(BANK.goods)
    assert not set(family.no) & set(family.always)
    for wording in family.say:
        assert re.search(r"\{(product|item|block)\}", wording), "every wording names the product"
        assert not re.match(r"\{(product|item|qty|count|when|date|other)\}", wording), "lower case"
        assert family.kind != "new_order" or re.search(r"\{(item|qty|block)\}", wording)
        assert family.existing or "{id}" not in wording
        wanted = wanted_facts(family, wording, Random(1))
        assert set(family.always) <= wanted and not wanted & set(family.no)


def test_facts_can_be_told_in_words_of_every_split() -> None:
    assert min(len(lines) for lines in BANK.details.values()) >= 12
    assert {len(set(lines)) - len(lines) for lines in BANK.details.values()} == {0}


# Days, sums and numbers can be read back


MONTHS = "January February March April May June July August September October November December"
NUMBER = {month[:3]: at for at, month in enumerate(MONTHS.split(), 1)}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WORDS = {in_words(number): number for number in range(1, 100)} | {"a": 1}


def read_day(text: str, today: date, us: bool) -> date:
    """What a careful reader makes of a day; independent of the generator."""
    if match := re.search(r"(\d{4})-(\d\d)-(\d\d)", text):
        return date(*map(int, match.groups()))
    if match := re.search(r"(\d+)\.(\d+)\.(\d{4})", text):
        return date(int(match[3]), int(match[2]), int(match[1]))
    if match := re.search(r"(\d\d)/(\d\d)/(\d{4})", text):
        assert max(int(match[1]), int(match[2])) > 12, "day and month must be told apart"
        day, month = (match[2], match[1]) if us else (match[1], match[2])
        return date(int(match[3]), int(month), int(day))
    match = re.search(r"([\w-]+) (day|week)s?\b", text)
    if match and (match[1] in WORDS or match[1].isdigit()):
        count = WORDS.get(match[1]) or int(match[1])
        return today + timedelta(days=count * (7 if match[2] == "week" else 1))
    if "tomorrow" in text:
        return today + timedelta(days=2 if "after" in text else 1)
    later = [today + timedelta(days=days) for days in range(1, 400)]
    if "last day of" in text:
        month = today.month if "this month" in text else month_of(text)
        return next(d for d in later if d.month == month and (d + timedelta(days=1)).day == 1)
    if "next week" in text:
        monday = today + timedelta(days=7 - today.weekday())
        return next(d for d in later if d >= monday and DAYS[d.weekday()] in text)
    year, day = re.search(r"\b\d{4}\b", text), re.search(r"\b(\d{1,2})(?:st|nd|rd|th)?\b", text)
    month = month_of(text)
    if day:
        if year:
            return date(int(year[0]), month, int(day[1]))
        return next(d for d in later if d.day == int(day[1]) and month in (0, d.month))
    return next(d for d in later if DAYS[d.weekday()] in text)


def month_of(text: str) -> int:
    names = [name for name in NUMBER if re.search(rf"\b{name}", text)]
    return NUMBER[names[0]] if names else 0


@settings(max_examples=400)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([1, 4]))
def test_a_day_can_be_read_back(seed: int, us: bool, not_before: int) -> None:
    random = Random(seed)
    today = draw_today(random)
    found = draw_delivery(today, us, random, not_before=not_before)
    assert today + timedelta(days=not_before) <= found.day <= today + timedelta(days=45)
    assert found.day.weekday() < 5
    for text in (found.noun, found.when):
        assert read_day(text, today, us) == found.day, (text, today)
    if not found.needs_today:
        assert read_day(found.noun, date(1999, 1, 1), us) == found.day


def test_all_ways_of_telling_a_day_occur() -> None:
    random, seen = Random(2), Counter[str]()
    for _ in range(800):
        found: Day = draw_delivery(draw_today(random), False, random)
        for name in ("tomorrow", "next week", "days", "weeks", "last day", "the 1", "202", "this"):
            seen[name] += name in found.noun
    assert min(seen.values()) >= 5, seen


@settings(max_examples=300)
@given(
    st.integers(1, 90_000_000),
    st.sampled_from(CURRENCIES),
    st.sampled_from(["en", "de", "space", "plain"]),
    st.integers(0, 2**32),
)
def test_money_can_be_read_back(cents: int, currency: Currency, habit: Habit, seed: int) -> None:
    text = write_money(cents, currency, habit, Random(seed))
    whole = re.sub(r"[^\d.,']", "", text)
    has_cents = re.search(r"[.,]\d\d$", whole)
    assert int(re.sub(r"\D", "", whole)) * (1 if has_cents else 100) == cents
    assert not re.fullmatch(r"\d{1,3}\.\d{3}", whole), "thousands or decimals?"
    signs = {"EUR": "€|eur", "USD": r"\$|dollar|usd", "GBP": "£|pound|gbp", "CHF": "chf|franc"}
    signs |= {"SEK": "sek|kron", "PLN": "pln|zł|zlo"}
    assert {c for c in CURRENCIES if re.search(signs[c], text.lower())} == {currency}


@given(st.integers(1, 9000), st.sampled_from(["en", "de"]), st.integers(0, 2**32))
def test_counts_can_be_read_back(number: int, habit: Habit, seed: int) -> None:
    text = write_count(number, habit, Random(seed))
    words = WORDS | {"a dozen": 12, "two dozen": 24}
    assert (words.get(text) or int(text.replace(",", ""))) == number


# What is told, and only that, is in the form


def messages(seed: int, wordings: int) -> Iterator[tuple[Slots, str]]:
    random = Random(seed)
    for family in FAMILIES:
        for wording in family.say[:wordings]:
            order = draw_order(family, wording, BANK, random)
            wanted = wanted_facts(family, wording, random)
            slots = Slots(random=random, bank=BANK, order=order, wanted=wanted)
            style = random.choice([s for s in STYLES if not (s.spoken and "{block}" in wording)])
            told = tell(
                family,
                wording,
                slots,
                BANK.details,
                talkative=1.0,
                has_subject=style.has_subject,
                spoken=style.spoken,
            )
            text = style.write(family, told, slots)
            yield slots, slots.settle(text)


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_wanted_is_told_and_nothing_else(seed: int) -> None:
    for slots, text in messages(seed, 2):
        order = slots.order
        assert slots.told == slots.wanted, text
        form = target(order, slots.told)
        assert (order.order_id in text) == (form["order_id"] is not None), text
        assert order.customer in text and order.good.name in text
        assert order.company is None or order.company in text
        said = {order.delivery.noun, order.delivery.when}
        assert "date" not in slots.told or any(day in text for day in said)
        if slots.needs_today:
            headers = {write_header(order.today, Random(seed)) for seed in range(20)}
            assert any(header in text for header in headers), text


@given(st.integers(0, 2**32))
@settings(max_examples=20)
def test_every_gold_value_stands_in_its_message(seed: int) -> None:
    validator = jsonschema.Draft202012Validator(
        SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    for example in generate(num_train=200, num_dev=30, num_holdout=30, seed=seed)["train"]:
        validator.validate(example.target)
        assert list(example.target) == list(SCHEMA["properties"])
        assert not re.search("[\ue000-\uf8ff{}]", example.input)
        for field in EXTRACTIVE:
            value = example.target[field]
            assert value is None or value in example.input, (field, example)
        assert (example.target["amount"] is None) == (example.target["currency"] is None)


# The generator


def test_the_same_arguments_give_the_same_messages(splits: dict[Split, list[Example]]) -> None:
    assert generate() == splits
    other = {example.input for example in generate(seed=1)["holdout"]}
    assert not other & {example.input for example in splits["holdout"]}


@pytest.mark.parametrize("sizes", [(400, 120, 250), (23, 0, 7), (0, 0, 0), (500, 1, 46)])
def test_sizes_are_kept(sizes: tuple[int, int, int]) -> None:
    made = generate(num_train=sizes[0], num_dev=sizes[1], num_holdout=sizes[2], seed=3)
    assert tuple(len(examples) for examples in made.values()) == sizes
    ids = [example.id for examples in made.values() for example in examples]
    assert len(set(ids)) == sum(sizes) and all(re.fullmatch(r"or-\d{6}", id) for id in ids)


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"num_dev is -1.*use 0 or more"):
        generate(num_dev=-1)


def test_a_prefix_has_the_mix_of_the_whole(splits: dict[Split, list[Example]]) -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)
    assert sum(style.share for style in STYLES) == pytest.approx(1.0)
    first = Counter(example.target["kind"] for example in splits["holdout"][:60])
    for kind, share in SHARES.items():
        assert abs(first[kind] - 60 * share) <= 1.5


def test_groups_do_not_straddle_and_many_families_are_new(
    splits: dict[Split, list[Example]],
) -> None:
    check_leaks(splits, ties="near")
    groups = {split: {e.group for e in examples} for split, examples in splits.items()}
    assert all(group.endswith(f"@{split}") for split in groups for group in groups[split])
    trained = {group.split("@")[0] for group in groups["train"] | groups["dev"]}
    new = [e for e in splits["holdout"] if e.group.split("@")[0] not in trained]
    assert 0.35 <= len(new) / 250 <= 0.45
    assert len(groups["holdout"]) >= 75


def test_facts_are_sometimes_missing(splits: dict[Split, list[Example]]) -> None:
    examples = [example for part in splits.values() for example in part]
    for field, low, high in [
        ("order_id", 0.45, 0.65),
        ("company", 0.12, 0.3),
        ("quantity", 0.05, 0.25),
        ("amount", 0.45, 0.65),
        ("delivery_date", 0.4, 0.65),
    ]:
        missing = sum(example.target[field] is None for example in examples) / len(examples)
        assert low <= missing <= high, (field, missing)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_large_sizes_work_and_still_do_not_leak(seed: int) -> None:
    made = generate(num_train=3000, num_dev=600, num_holdout=1500, seed=seed)
    check_leaks(made, ties="near")


# The contract


def test_the_contract_survives_its_file(task: Task) -> None:
    contract = parse_contract(format_contract(task), Answers(SCHEMA), "task.toml")
    assert (contract.scoring, contract.gate) == (task.scoring, task.gate)
    assert contract.instruction == task.instruction
    assert len(task.instruction.split()) <= 120


def test_the_form_writes_the_schema_and_knows_what_is_verbatim(task: Task) -> None:
    slots = {slot.path: slot for slot in compile_form(task.schema).slots()}
    assert list(slots) == list(SCHEMA["properties"]) == SCHEMA["required"]
    verbatim = [path for path, slot in slots.items() if isinstance(slot, Value) and slot.extractive]
    assert verbatim == list(EXTRACTIVE)
    values = {good.name for goods in BANK.goods.values() for good in goods}
    assert max(map(len, values)) <= SCHEMA["properties"]["product"]["maxLength"]


def test_floors_are_low_and_the_oracle_is_right(
    task: Task, splits: dict[Split, list[Example]]
) -> None:
    floors: list[dict[str, object]] = [{}, {"kind": "new_order", "quantity": 20}]
    for output in floors:
        scores = [score_output(task, example, dict(output)) for example in splits["holdout"]]
        assert sum(score.score for score in scores) / 250 <= 0.35
        assert not any(score.strict for score in scores)
    for example in splits["holdout"]:
        oracle = score_output(task, example, example.target)
        assert oracle.score == 1.0 and oracle.strict


@pytest.mark.parametrize(
    ("field", "answer", "score", "strict"),
    [
        ("customer", "mira köhler", 1.0, True),
        ("customer", "Mira", 2 / 3, False),
        ("company", None, 0.0, False),
        ("product", "boxes of nitrile gloves size L", 0.8, True),
        ("product", "gloves", 0.4, False),
        ("quantity", 40.0, 1.0, True),
        ("amount", 1240.502, 1.0, True),
        ("amount", 1240.6, 0.0, False),
        ("delivery_date", "2026-03-15", 0.0, False),
    ],
)
def test_fields_are_scored_by_their_nature(
    task: Task, field: str, answer: object, score: float, strict: bool
) -> None:
    right = {
        "kind": "new_order",
        "order_id": None,
        "customer": "Mira Köhler",
        "company": "Tessaro GmbH",
        "product": "nitrile gloves size L",
        "quantity": 40,
        "amount": 1240.5,
        "currency": "EUR",
        "delivery_date": "2026-03-14",
    }
    example = Example(id="or-000001", input="…", target=right, group="g")
    found = score_output(task, example, right | {field: answer})
    assert found.fields[field] == pytest.approx(score)
    assert found.strict == strict
