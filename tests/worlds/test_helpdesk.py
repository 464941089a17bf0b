"""The helpdesk task: its phrases fill, its labels follow the rules, its splits share no wording."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import jsonschema
import pytest

from rung.core.errors import ConfigError
from rung.core.records import Split
from rung.forms import compile_form
from rung.stats.intervals import clopper_pearson
from rung.tasks.answers import Answers
from rung.tasks.contract import format_contract, parse_contract
from rung.tasks.scorers import score_output
from rung.tasks.splits import check_leaks
from rung.tasks.task import Example, Task
from rung.worlds.helpdesk import CATEGORIES, SCHEMA, generate, task_fields
from rung.worlds.helpdesk.categories import IDS, SECURITY
from rung.worlds.helpdesk.contract import MAX_MISSED_RATE, MAX_SUMMARY_CHARS
from rung.worlds.helpdesk.labels import Facts, needs_human, priority
from rung.worlds.helpdesk.phrases import Slots, load
from rung.worlds.helpdesk.story import draw_facts, tell
from rung.worlds.helpdesk.styles import STYLES

BANK = load()
FAMILIES = [family for name in IDS for family in BANK.categories[name].families]
_SLOT = re.compile(r"\{(\w+)\}")


@pytest.fixture(scope="module")
def splits() -> dict[Split, list[Example]]:
    return generate()


# The phrase bank


def test_every_category_has_enough_families() -> None:
    counts = {name: len(phrases.families) for name, phrases in BANK.categories.items()}
    assert set(counts) == set(IDS) and len(IDS) == 23
    assert min(counts.values()) >= 12
    assert sum(counts.values()) >= 345
    assert abs(sum(category.share for category in CATEGORIES) - 1.0) < 1e-9


def test_families_are_told_in_four_wordings_of_their_own() -> None:
    wordings = [wording for family in FAMILIES for wording in family.say]
    assert {len(family.say) for family in FAMILIES} == {4}
    assert len(set(wordings)) == len(wordings)
    assert len({(family.category, family.id) for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.parametrize("category", IDS)
def test_every_phrase_of_a_category_fills(category: str) -> None:
    phrases = BANK.categories[category]
    slots = Slots(random=Random(1), bank=BANK)
    for family in phrases.families:
        for phrase in (*family.say, *family.subject, *family.summary):
            assert not set("{}") & set(slots.fill(phrase)), phrase
            assert not re.search(r"\b[Aa]n? \{", phrase), f"a/an before a slot: {phrase}"
        assert all(phrase[-1] in ".?!" for phrase in family.say), family.id
    for phrase in (*phrases.request, *phrases.topic, *phrases.hint, *phrases.tried):
        assert slots.fill(phrase)[-1] in ".?!", phrase
    assert all(phrase[-1] not in ".?!" for phrase in phrases.also)
    assert set(phrases.fine) <= set(BANK.fine)


def longest(name: str) -> str:
    """The longest of many values of a slot."""
    values = [Slots(random=Random(seed), bank=BANK).fill(f"{{{name}}}") for seed in range(60)]
    return max([*values, *BANK.slots.get(name, ())], key=len)


def test_summaries_fit_the_form_whatever_is_filled_in() -> None:
    names = {name for family in FAMILIES for line in family.summary for name in _SLOT.findall(line)}
    values = {name: longest(name) for name in names}
    values |= {"name": "Saoirse Achterberg", "boss": "Saoirse Achterberg"}
    for family in FAMILIES:
        for line in family.summary:
            filled = _SLOT.sub(lambda match: values[match[1]], line)
            assert len(filled) <= MAX_SUMMARY_CHARS, filled


def test_a_slot_keeps_its_value_within_a_ticket() -> None:
    slots = Slots(random=Random(3), bank=BANK)
    assert slots.fill("{name} {asset}") == slots.fill("{name} {asset}")
    assert slots.fill("{name}").startswith(slots.fill("{first} "))
    assert slots.fill("{boss}") != slots.fill("{name}")
    with pytest.raises(KeyError):
        slots.fill("{nothing}")


# The label rules


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(category="vpn", kind="break"), ("normal", False)),
        (Facts(category="vpn", kind="break", cue="site"), ("urgent", True)),
        (Facts(category="vpn", kind="break", cue="hard_stop"), ("urgent", True)),
        (Facts(category="vpn", kind="break", cue="team"), ("high", False)),
        (Facts(category="vpn", kind="break", cue="stopped"), ("high", False)),
        (Facts(category="vpn", kind="break", cue="workaround"), ("normal", False)),
        (Facts(category="email", kind="ask", cue="due_today"), ("high", False)),
        (Facts(category="email", kind="ask", cue="due_week"), ("normal", False)),
        (Facts(category="email", kind="question"), ("low", False)),
        (Facts(category="email", kind="question", cue="due_today"), ("high", False)),
        (Facts(category="email", kind="break", cue="no_rush", second_problem=True), ("low", True)),
        (Facts(category="email", kind="break", unclear=True), ("normal", True)),
        (Facts(category="email", kind="break", repeated=True), ("normal", True)),
        (Facts(category="laptop_hardware", kind="break", human="onsite"), ("normal", True)),
        (Facts(category="access_request", kind="ask", human="approval"), ("normal", True)),
        (
            Facts(category="access_request", kind="ask", human="approval", approved=True),
            ("normal", False),
        ),
        (Facts(category=SECURITY, kind="break", inherent="high"), ("high", True)),
        (Facts(category="wifi", kind="break", inherent="urgent"), ("urgent", True)),
    ],
)
def test_labels_follow_the_rules(facts: Facts, expected: tuple[str, bool]) -> None:
    assert (priority(facts), needs_human(facts)) == expected


def test_every_drawn_fact_leaves_a_phrase_in_the_text() -> None:
    def said(lines: Sequence[str], text: str) -> bool:
        patterns = (re.escape(line).replace(r"\{", "{").replace(r"\}", "}") for line in lines)
        return any(re.search(_SLOT.sub(".+", pattern), text) for pattern in patterns)

    random, seen = Random(5), Counter[str]()
    for family in FAMILIES * 4:
        facts = draw_facts(family, random)
        slots = Slots(random=random, bank=BANK)
        text = " ".join(
            tell(
                family,
                family.say[0],
                facts,
                slots,
                topics=("Nothing more.",),
                talkative=1.0,
                spoken=False,
            )
        )
        ask = "_ask" if facts.kind == "ask" else ""
        evidence = {
            "cue": (bool(facts.cue), BANK.cue.get(f"{facts.cue}{ask}") or BANK.cue.get(facts.cue)),
            "repeated": (facts.repeated, BANK.chatter[f"repeat{ask}"]),
            "approved": (facts.approved, BANK.chatter["approved"]),
            "unclear": (facts.unclear, BANK.chatter["unclear"]),
            "second": (
                facts.second_problem,
                (*BANK.chatter["second"], *BANK.chatter["second_first"]),
            ),
        }
        for name, (is_fact, lines) in evidence.items():
            assert said(lines or (), text) == is_fact, (name, facts, text)
            seen[name] += is_fact
    assert min(seen[name] for name in ("cue", "repeated", "approved", "unclear", "second")) > 30


def test_security_incidents_carry_their_own_priority() -> None:
    incidents = [family for family in FAMILIES if family.category == SECURITY]
    assert {family.priority for family in incidents} == {"high", "urgent"}
    assert not BANK.categories[SECURITY].also, "a side problem must never be an incident"


# The generator


def test_the_same_arguments_give_the_same_tickets(splits: dict[Split, list[Example]]) -> None:
    assert generate() == splits
    other = {example.input for example in generate(seed=1)["holdout"]}
    assert not other & {example.input for example in splits["holdout"]}


@pytest.mark.parametrize("sizes", [(600, 150, 300), (23, 0, 7), (0, 0, 0), (1000, 1, 46)])
def test_sizes_are_kept(sizes: tuple[int, int, int]) -> None:
    made = generate(num_train=sizes[0], num_dev=sizes[1], num_holdout=sizes[2], seed=3)
    assert tuple(len(examples) for examples in made.values()) == sizes
    ids = [example.id for examples in made.values() for example in examples]
    assert len(set(ids)) == sum(sizes)
    assert all(re.fullmatch(r"hd-\d{6}", id) for id in ids)


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"num_dev is -1.*use 0 or more"):
        generate(num_dev=-1)


def test_every_category_is_in_every_split(splits: dict[Split, list[Example]]) -> None:
    counts = {
        split: Counter(example.target["category"] for example in examples)
        for split, examples in splits.items()
    }
    assert all(set(count) == set(IDS) for count in counts.values())
    assert min(counts["holdout"].values()) >= 3
    assert counts["holdout"][SECURITY] == 14
    assert 0.08 <= max(counts["holdout"].values()) / 300 <= 0.12
    for category in CATEGORIES:
        assert abs(counts["train"][category.id] - 600 * category.share) < 1


def test_a_prefix_has_the_mix_of_the_whole(splits: dict[Split, list[Example]]) -> None:
    first = Counter(example.target["category"] for example in splits["holdout"][:60])
    for category in CATEGORIES:
        assert abs(first[category.id] - 60 * category.share) <= 1.5


def test_groups_do_not_straddle_and_many_families_are_new(
    splits: dict[Split, list[Example]],
) -> None:
    groups = {split: {e.group for e in examples} for split, examples in splits.items()}
    assert not groups["train"] & groups["dev"] | groups["dev"] & groups["holdout"]
    assert all(group.endswith(f"@{split}") for split in groups for group in groups[split])
    trained = {group.split("@")[0] for group in groups["train"] | groups["dev"]}
    new = [e for e in splits["holdout"] if e.group.split("@")[0] not in trained]
    assert 0.35 <= len(new) / 300 <= 0.45
    assert len(groups["holdout"]) >= 150


def test_targets_are_valid_and_varied(splits: dict[Split, list[Example]]) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    examples = [example for part in splits.values() for example in part]
    for example in examples:
        validator.validate(example.target)
        assert list(example.target) == list(SCHEMA["properties"])
        assert not set("{}") & set(example.input)
    num = len(examples)
    shares = Counter(example.target["priority"] for example in examples)
    assert min(shares.values()) / num >= 0.05 and shares["normal"] / num <= 0.6
    assert 0.3 <= sum(example.target["needs_human"] for example in examples) / num <= 0.6


def test_tickets_are_short(splits: dict[Split, list[Example]]) -> None:
    lengths = sorted(len(e.input.split()) for part in splits.values() for e in part)
    assert 38 <= lengths[len(lengths) // 2] <= 52
    assert lengths[int(0.95 * len(lengths))] < 110


def five_grams(text: str) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return frozenset(zip(*(words[at:] for at in range(5)), strict=False))


def closest(splits: dict[Split, list[Example]]) -> float:
    """The largest Jaccard similarity of word 5-grams between tickets of different splits."""
    holders: dict[tuple[str, ...], list[tuple[Split, int]]] = {}
    grams: dict[tuple[Split, int], frozenset[tuple[str, ...]]] = {}
    for split, examples in splits.items():
        for at, example in enumerate(examples):
            grams[split, at] = five_grams(example.input)
            for gram in grams[split, at]:
                holders.setdefault(gram, []).append((split, at))
    highest = 0.0
    for key, own in grams.items():
        shared = Counter(
            other for gram in own for other in holders[gram] if other[0] > key[0]
        ).items()
        for other, num in shared:
            highest = max(highest, num / (len(own) + len(grams[other]) - num))
    return highest


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_splits_share_no_near_duplicates(seed: int) -> None:
    assert 0.0 < closest(generate(seed=seed)) < 0.6


@pytest.mark.slow
def test_large_sizes_work_and_still_do_not_leak() -> None:
    made = generate(num_train=3000, num_dev=500, num_holdout=1500, seed=9)
    check_leaks(made, ties="near")
    assert sum(map(len, generate(num_train=20_000, num_dev=0, num_holdout=0).values())) == 20_000


def test_styles_share_all_tickets() -> None:
    assert abs(sum(style.share for style in STYLES) - 1.0) < 1e-9


# The contract


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(name="helpdesk", path=tmp_path, **task_fields())


def test_the_contract_survives_its_file(task: Task) -> None:
    contract = parse_contract(format_contract(task), Answers(SCHEMA), "task.toml")
    assert (contract.scoring, contract.gate) == (task.scoring, task.gate)
    assert contract.error_cost == task.error_cost
    assert contract.instruction == task.instruction


def test_the_form_writes_the_schema(task: Task) -> None:
    assert compile_form(task.schema)
    assert list(task.schema["properties"]) == ["category", "priority", "needs_human", "summary"]
    assert len(task.instruction.split()) <= 120
    assert sum(rule.weight for rule in task.scoring.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("true", "predicted", "cost_usd"),
    [
        ("password_reset", "mfa", 2.0),
        ("account_lockout", "password_reset", 2.0),
        ("wifi", "wired_network", 0.0),
        ("email", "calendar", 0.0),
        ("licence", "software_install", 0.0),
        ("vpn", "wifi", 8.0),
        ("printing", SECURITY, 8.0),
        (SECURITY, "email", 500.0),
        (SECURITY, SECURITY, 0.0),
    ],
)
def test_error_costs(task: Task, true: str, predicted: str, cost_usd: float) -> None:
    assert task.error_cost is not None
    assert task.error_cost.cost_usd(true, predicted) == cost_usd


def test_a_missed_incident_is_forbidden_and_a_reworded_summary_is_not(task: Task) -> None:
    target = {
        "category": SECURITY,
        "priority": "urgent",
        "needs_human": True,
        "summary": "Work laptop has been lost or stolen",
    }
    example = Example(id="hd-000001", input="my laptop is gone", target=target, group="g")
    reworded = score_output(task, example, target | {"summary": "Stolen notebook"})
    assert reworded.strict and reworded.score >= 0.8 and not reworded.forbidden
    missed = score_output(task, example, target | {"category": "laptop_hardware"})
    assert missed.forbidden == ("security_missed",)
    assert (missed.strict, missed.error_cost_usd) == (False, 500.0)


def test_the_default_holdout_can_confirm_the_missed_rate() -> None:
    _, high = clopper_pearson(0, 300, confidence=0.9)
    assert high <= MAX_MISSED_RATE < 1.05 * high


@pytest.mark.slow
def test_a_linear_model_finds_most_categories_but_not_all() -> None:
    """Hard enough to leave room above a linear model, easy enough that it clears the floor."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    made = generate()
    model = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True),
        ),
        LogisticRegression(C=30.0, class_weight="balanced", max_iter=1000),
    )
    texts = {split: [example.input for example in made[split]] for split in made}
    labels = {split: [example.target["category"] for example in made[split]] for split in made}
    model.fit(texts["train"], labels["train"])
    accuracy = model.score(texts["holdout"], labels["holdout"])
    assert 0.70 <= accuracy <= 0.95
