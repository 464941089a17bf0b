"""New queries of train's templates: told in train's words, answered by the oracle."""

from __future__ import annotations

from dataclasses import replace

from rung.tasks.task import Example
from rung.worlds.workbench.state import State
from rung.worlds.workbench.variants import variants
from rung.worlds.workbench.world import WorkBench

TEMPLATE = "email-t00"


def asked(id_: str, name: str, verb: str = "Delete") -> Example:
    return Example(
        id=id_,
        input=f"{verb} my last email from {name}",
        target={"calls": []},
        group=f"train/{TEMPLATE}",
        setup={
            "domains": ["email"],
            "template": TEMPLATE,
            "base_template": "Delete my last email from {name}",
            "chosen_template": f"{verb} my last email from {{name}}",
        },
    )


TRAIN = [asked("a", "tom"), asked("b", "mara", "Remove"), asked("c", "ines", "Bin")]


def test_they_are_new_queries_in_the_words_of_train(state: State) -> None:
    office = WorkBench(state)
    found = variants(office, TRAIN, {TEMPLATE}, each=20, seed=0)
    texts = [example.input for example in found]
    known = {example.input for example in TRAIN}
    possible = {
        f"{verb} my last email from {name}"
        for verb in ("Delete", "Remove", "Bin")
        for name in ("tom", "mara", "ines")
    }
    assert len(set(texts)) == len(texts)
    assert set(texts) <= possible - known
    assert {example.group for example in found} == {f"train/{TEMPLATE}"}
    assert found == variants(office, TRAIN, {TEMPLATE}, each=20, seed=0)


def test_each_answer_is_deduced_and_strict(state: State) -> None:
    office = WorkBench(state)
    found = variants(office, TRAIN, {TEMPLATE}, each=20, seed=0)
    assert {name for name in ("tom", "mara") if any(name in one.input for one in found)}
    for example in found:
        assert office.score(example, office.oracle(example)).strict
        calls = example.target["calls"]
        assert [call["tool"] for call in calls] == ["email.delete_email"]
    # Nothing came from ines, so the oracle finds nothing to delete and there is no answer.
    assert not any("ines" in example.input for example in found)


def test_only_the_templates_that_are_named_are_told_anew(state: State) -> None:
    assert variants(WorkBench(state), TRAIN, {"calendar-t00"}, each=20, seed=0) == []
    assert len(variants(WorkBench(state), TRAIN, {TEMPLATE}, each=1, seed=0)) == 1


def test_a_query_that_does_not_follow_its_template_lends_no_words(state: State) -> None:
    odd = replace(asked("d", "tom"), input="What is the time?")
    found = variants(WorkBench(state), [odd], {TEMPLATE}, each=5, seed=0)
    assert found == []
