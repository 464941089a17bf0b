from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import TaskError
from rung.tasks.answers import Answers
from rung.tasks.contract import check_name, default_scoring, format_contract, parse_contract
from rung.tasks.task import ErrorCost, FieldScoring, Forbidden, GateRules, RecallLimit, Task

ANSWERS = Answers(
    {
        "type": "object",
        "properties": {
            "intent": {"enum": ["refund", "card", "other"]},
            "amount": {"type": "number"},
            "tags": {"type": "array"},
            "note": {"type": "string"},
            'odd "key" é': {"type": "boolean"},
        },
    }
)
HEAD = 'name = "desk"\ninstruction = "Do it."\n'


def parse(text, **options):
    return parse_contract(HEAD + text, ANSWERS, "reading task.toml", **options)


def test_defaults_follow_the_kinds():
    contract = parse("")
    assert (contract.title, contract.volume_per_day, contract.reference_price) == (
        "desk", 1000.0, "frontier",
    )  # fmt: skip
    assert [rule.scorer for rule in contract.scoring.values()] == [
        "exact", "number", "set", "similarity", "exact",
    ]  # fmt: skip
    assert contract.scoring["note"].strict_at == 0.0
    assert contract.error_cost is None
    assert contract.gate == GateRules()


def test_text_is_strict_when_there_is_nothing_else():
    answers = Answers({"type": "object", "properties": {"reply": {"type": "string"}}})
    assert default_scoring(answers)["reply"].strict_at == 0.999


def test_everything_can_be_said():
    contract = parse(
        """
title = "Help desk"
volume_per_day = 12
default_limit = 40
[scoring.amount]
tolerance = 0.5
weight = 2
[scoring.note]
scorer = "ignore"
[error_cost]
field = "intent"
default_usd = 1
pairs = [{true = "refund", predicted = "*", cost_usd = 40.0}]
[gate]
metric = "strict"
margin = 0.02
min_saving = 0.1
[[gate.recall]]
field = "intent"
value = "refund"
minimum = 0.9
[[gate.forbidden]]
name = "lost refund"
field = "intent"
true = "refund"
predicted = "card"
"""
    )
    assert contract.default_limit == 40
    assert contract.volume_per_day == 12.0
    assert contract.scoring["amount"] == FieldScoring(scorer="number", weight=2.0, tolerance=0.5)
    assert contract.error_cost == ErrorCost(
        field="intent", default_usd=1.0, pairs={("refund", "*"): 40.0}
    )
    assert contract.gate == GateRules(
        metric="strict",
        margin=0.02,
        min_saving=0.1,
        recall=(RecallLimit(field="intent", value="refund", minimum=0.9),),
        forbidden=(
            Forbidden(name="lost refund", field="intent", true="refund", predicted=("card",)),
        ),
    )


@pytest.mark.parametrize(
    "text, message",
    [
        ("volume = 3", r"unknown key volume \(did you mean 'volume_per_day'\?\)"),
        ('volume_per_day = "3"', "volume_per_day must be a number from 0, not '3'"),
        ("volume_per_day = true", "volume_per_day must be a number"),
        ("volume_per_day = nan", "volume_per_day must be a number"),
        ("default_limit = 1.5", "default_limit must be a whole number"),
        ("default_limit = -1", "default_limit must be a whole number from 0, not -1"),
        ("title = 3", "title must be text, not 3"),
        ("title = ' '", "title must be text"),
        ("scoring = 1", "scoring must be a table, not 1"),
        ("[scoring]\nintent = 1", "scoring.intent must be a table"),
        ("[scoring.intnet]\nweight = 1", r"no field 'intnet' \(did you mean 'intent'\?\)"),
        ("[scoring.intent]\nwieght = 1", r"scoring.intent.wieght \(did you mean 'weight'\?\)"),
        ('[scoring.intent]\nscorer = "exakt"', r"is 'exakt' \(did you mean 'exact'\?\)"),
        ("[scoring.intent]\nstrict_at = 2", "strict_at must be a number from 0 up to 1, not 2"),
        ("[gate]\nmargin = 3", "gate.margin must be a number from 0 up to 1"),
        ("[gate]\nalpha = 0.0", "gate.alpha must be"),
        ('[gate]\nmetric = "soft"', "gate.metric is 'soft'"),
        ("[gate]\nrecall = 1", "gate.recall must be a list of tables"),
        ("[gate]\nrecall = [1]", r"gate.recall\[0\] must be a table"),
        ("[error_cost]\ndefault_usd = 1", "error_cost.field is missing"),
        ('[error_cost]\nfield = "x"', "has no field 'x'"),
        (
            '[error_cost]\nfield = "intent"\n'
            'pairs = [{true = "refnud", predicted = "card", cost_usd = 1}]',
            r"error_cost.pairs\[0\].true is 'refnud', not a value of 'intent' "
            r"\(did you mean 'refund'\?\)",
        ),
        (
            '[[gate.recall]]\nfield = "intent"\nvalue = "*"\nminimum = 0.5',
            r"gate.recall\[0\].value must be one value of 'intent', not '\*'",
        ),
        (
            '[error_cost]\nfield = "intent"\npairs = ['
            '{true = "card", predicted = "*", cost_usd = 1},'
            '{true = "card", predicted = "*", cost_usd = 2}]',
            "repeats 'card' to",
        ),
        (
            '[[gate.forbidden]]\nname = "n"\nfield = "intent"\ntrue = "card"\npredicted = []',
            "predicted must be a list of texts",
        ),
        ("x = ", "not TOML"),
    ],
)
def test_mistakes_name_the_key(text, message):
    with pytest.raises(TaskError, match=message):
        parse(text)


ACT = 'world = "world.py"\n[[gate.forbidden]]\nname = "side_effects"\n'


def test_in_a_world_a_forbidden_act_has_a_name_and_a_rate():
    (limit,) = parse(ACT + "max_rate = 0.2").gate.forbidden
    assert limit == Forbidden(name="side_effects", max_rate=0.2)
    with pytest.raises(TaskError, match="unknown key gate.forbidden.*field"):
        parse(ACT + 'field = "intent"')
    with pytest.raises(TaskError, match=r"max_rate must be a number from 0 up to 1, not 2"):
        parse(ACT + "max_rate = 2")
    with pytest.raises(TaskError, match="field is missing"):
        parse(ACT.removeprefix('world = "world.py"\n'))


def test_booleans_and_constants_have_values_to_misspell():
    fields = {"sure": {"type": ["boolean", "null"]}, "kind": {"const": "one"}}
    answers = Answers({"type": "object", "properties": fields})
    recall = HEAD + '[[gate.recall]]\nfield = "{}"\nvalue = "{}"\nminimum = 0.5'
    for field, wrong, right in (("sure", "True", "true"), ("kind", "ome", "one")):
        assert parse_contract(recall.format(field, right), answers, "here").gate.recall
        with pytest.raises(TaskError, match=f"is '{wrong}', not a value .*did you mean '{right}'"):
            parse_contract(recall.format(field, wrong), answers, "here")


def test_name_and_instruction_are_needed():
    with pytest.raises(TaskError, match="instruction is missing"):
        parse_contract('name = "a"', ANSWERS, "here")
    with pytest.raises(TaskError, match="name is missing"):
        parse_contract("", ANSWERS, "here")


def test_something_must_count():
    quiet = "".join(f"[scoring.{field}]\nweight = 0\n" for field in ("intent", "amount", "tags"))
    quiet += '[scoring.note]\nweight = 0\n[scoring."odd \\"key\\" é"]\nweight = 0\n'
    with pytest.raises(TaskError, match="no field has a weight above 0"):
        parse(quiet)
    assert parse(quiet, own_scorer=True)
    loose = quiet.replace("weight", "strict_at")
    with pytest.raises(TaskError, match="every answer would be strict"):
        parse(loose)


@pytest.mark.parametrize("name", ["a", "help-desk_2", "a" * 64])
def test_good_names(name):
    check_name(name)


@pytest.mark.parametrize("name", ["", "A", "1a", "a b", "../a", "a" * 65, "a\n", "é"])
def test_bad_names(name):
    with pytest.raises(TaskError, match="cannot name a task"):
        check_name(name)


text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
amount = st.floats(0, 1e12)
ratio = st.floats(0, 1)
label = st.sampled_from(["refund", "card", "other", "*"])
fields = st.sampled_from(["note", "intent"])
rules = st.builds(
    FieldScoring,
    scorer=st.sampled_from(["exact", "number", "set", "similarity"]),
    weight=st.floats(0.1, 9),
    strict_at=st.floats(0.1, 1),
    tolerance=amount,
)
tasks = st.builds(
    Task,
    name=st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True),
    title=text,
    instruction=text,
    schema=st.just(ANSWERS.schema),
    scoring=st.fixed_dictionaries({field: rules for field in ANSWERS.fields}),
    error_cost=st.none()
    | st.builds(
        ErrorCost,
        field=st.just("intent"),
        default_usd=amount,
        pairs=st.dictionaries(st.tuples(label, label), amount, max_size=4).map(MappingProxyType),
    ),
    gate=st.builds(
        GateRules,
        metric=st.sampled_from(["score", "strict"]),
        margin=ratio,
        alpha=st.floats(0.001, 0.5),
        recall=st.lists(
            st.builds(RecallLimit, field=st.just("note"), value=text, minimum=ratio), max_size=2
        ).map(tuple),
        forbidden=st.lists(
            st.builds(
                Forbidden,
                name=text,
                field=st.just("intent"),
                true=label,
                predicted=st.lists(label, min_size=1, max_size=3).map(tuple),
                max_rate=ratio,
            ),
            max_size=2,
        ).map(tuple),
    ),
    volume_per_day=amount,
    reference_price=text,
    default_limit=st.integers(0, 10**6),
    path=st.just(Path("unused")),
)


acts = st.lists(st.builds(Forbidden, name=text, max_rate=ratio), max_size=2).map(tuple)


@settings(max_examples=30)
@given(tasks, acts)
def test_contracts_round_trip_in_a_world(task, forbidden):
    gate = replace(task.gate, forbidden=forbidden)
    task = replace(task, world="operations", gate=gate)
    assert parse_contract(format_contract(task), ANSWERS, "here").gate == gate


@settings(max_examples=30)
@given(tasks)
def test_contracts_round_trip(task):
    contract = parse_contract(format_contract(task), ANSWERS, "here")
    for name in contract.__slots__:
        assert getattr(contract, name) == getattr(task, name), name
