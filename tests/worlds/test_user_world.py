"""A world of the user's own: the one in docs/worlds.md runs, and mistakes name their line."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rung.core.errors import TaskError
from rung.routes.acting import score_calls
from rung.tasks.folder import load_task
from rung.tasks.holdout import read_holdout
from rung.tasks.task import SIDE_EFFECTS, Example, Forbidden, Task
from rung.worlds.open import open_world
from rung.worlds.tables import Kind, Row, Tables
from rung.worlds.toolbox import Toolbox
from rung.worlds.user_world import TableWorld, load_world
from rung.worlds.world import Call, Outcome

PAGE = Path(__file__).parents[2] / "docs" / "worlds.md"
FILES = {"task.toml": "toml", "form.json": "json", "examples.jsonl": "jsonl", "world.py": "python"}


def block(language: str) -> str:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[0]


@pytest.fixture
def task(tmp_path: Path) -> Task:
    folder = tmp_path / "returns"
    folder.mkdir()
    for name, language in FILES.items():
        (folder / name).write_text(block(language), "utf-8")
    return load_task(folder)


def examples_of(task: Task) -> list[Example]:
    return [*task.train, *task.dev, *read_holdout(task)]


def calls(*pairs: tuple[str, dict[str, Any]]) -> list[Call]:
    return [Call(tool=tool, arguments=arguments) for tool, arguments in pairs]


def test_the_documented_world_is_small() -> None:
    source = block("python")
    assert len(source.splitlines()) <= 60
    ast.parse(source)


def test_the_oracle_is_strict_and_who_does_nothing_scores_nothing(task: Task) -> None:
    world = open_world(task)
    assert len(examples_of(task)) == 3
    for example in examples_of(task):
        session = world.start(example)
        results = [session.call(call) for call in world.oracle(example)]
        assert [result.error for result in results] == [""] * len(results)
        solved = world.score(example, world.oracle(example))
        assert (solved.action_level, solved.strict, solved.cause) == (1.0, True, "")
        idle = world.score(example, [])
        assert (idle.action_level, idle.strict, idle.cause) == (0.0, False, "missing_action")


REFUND = ("refund", {"order": "A-1001", "reason": "wrong_size"})
MAIL = ("write_mail", {"to": "ada@mail.example", "text": "Your 80.00 EUR are on their way."})


@pytest.mark.parametrize(
    ("made", "action_level", "cause"),
    [
        ([REFUND, MAIL], 1.0, ""),
        ([MAIL, REFUND], 1.0, ""),
        ([REFUND, REFUND, MAIL], 1.0, ""),
        ([REFUND, ("write_mail", {"to": "ada@mail.example", "text": "Done."})], 0.75,
         "omitted_datum"),
        ([("refund", {"order": "A-1001", "reason": "defective"}), MAIL], 0.75, "wrong_argument"),
        ([REFUND, MAIL, ("refund", {"order": "A-1003", "reason": "defective"})], 1.0,
         "over_action"),
        ([REFUND, MAIL, ("refund", {"order": "A-1002", "reason": "defective"})], 1.0, "forbidden"),
        ([REFUND], 0.5, "missing_action"),
        ([("find_orders", {"email": "ada@mail.example"})], 0.0, "missing_action"),
        ([("refund", {"order": "A-9", "reason": "wrong_size"}), MAIL], 0.5, "missing_action"),
        ([("refund", {"order": "A-1002"}), REFUND, MAIL], 1.0, ""),
    ],
)  # fmt: skip
def test_what_calls_are_worth(task: Task, made: list[Any], action_level: float, cause: str) -> None:
    outcome = open_world(task).score(task.train[0], calls(*made))
    assert (outcome.action_level, outcome.cause) == (action_level, cause)
    assert outcome.strict is (cause == "")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ([REFUND, MAIL], ()),
        ([], ()),
        ([REFUND], ("side_effects",)),
        ([REFUND, MAIL, ("refund", {"order": "A-1003", "reason": "defective"})], ("side_effects",)),
        ([REFUND, MAIL, ("refund", {"order": "A-1002", "reason": "defective"})],
         ("refunded_another_order", "side_effects")),
    ],
)  # fmt: skip
def test_side_effects_are_forbidden_where_the_gate_limits_them(
    task: Task, made: list[Any], expected: tuple[str, ...]
) -> None:
    output = {"calls": [call.to_json() for call in calls(*made)]}
    world, example = open_world(task), task.train[0]
    limit = Forbidden(name=SIDE_EFFECTS, max_rate=0.1)
    limited = replace(task, gate=replace(task.gate, forbidden=(limit,)))
    assert score_calls(world, limited, example, output).forbidden == expected
    unlimited = score_calls(world, task, example, output).forbidden
    assert unlimited == tuple(name for name in expected if name != SIDE_EFFECTS)


def test_an_unasked_write_that_was_undone_is_a_side_effect_too(task: Task) -> None:
    class Undone:
        def score(self, example: Example, calls: Any) -> Outcome:
            return Outcome(action_level=1.0, strict=False, num_extra=1)

    limit = Forbidden(name=SIDE_EFFECTS)
    limited = replace(task, gate=replace(task.gate, forbidden=(limit,)))
    world: Any = Undone()
    assert score_calls(world, limited, task.train[0], None).forbidden == (SIDE_EFFECTS,)


def test_a_limit_on_an_act_that_no_example_asserts_is_refused(task: Task) -> None:
    contract = task.path / "task.toml"
    plain = contract.read_text("utf-8")
    for name in ("side_effects", "refunded_another_order"):
        limit = f'\n[[gate.forbidden]]\nname = "{name}"\nmax_rate = 0.1\n'
        contract.write_text(plain + limit, "utf-8")
        assert load_task(task.path).gate.forbidden[0].name == name
    contract.write_text(plain + limit.replace("another", "anothr"), "utf-8")
    with pytest.raises(TaskError, match="gate.forbidden names 'refunded_anothr_order'") as error:
        load_task(task.path)
    assert "refunded_another_order" in (error.value.hint or "")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("refnd", {}), "there is no tool 'refnd'; did you mean 'refund'?"),
        (("refund", {"order": "A-1001"}), "refund: reason is missing"),
        (("refund", {"order": "A-1001", "reasn": "x"}), "no argument 'reasn'; did you mean"),
        (("refund", {"order": "1001", "reason": "defective"}), "refund: order is '1001'; string"),
        (("refund", {"order": "A-1001", "reason": "ugly"}), "reason is 'ugly'; input should be"),
        (("refund", {"order": "A-7", "reason": "defective"}), "no order 'A-7'"),
        (("find_orders", {"email": 3}), "find_orders: email is 3; input should be a valid string"),
    ],
)
def test_a_wrong_call_says_why_and_changes_nothing(
    task: Task, call: tuple[str, dict[str, Any]], message: str
) -> None:
    session = open_world(task).start(task.train[0])
    (wrong,) = calls(call)
    result = session.call(wrong)
    assert (result.fault, result.value) == ("input", None)
    assert message in result.error
    (look,) = calls(("find_orders", {"email": "ada@mail.example"}))
    assert [row["refunded"] for row in session.call(look).value] == [False, False]


def test_sessions_and_results_share_nothing(task: Task) -> None:
    world = open_world(task)
    first, second = world.start(task.train[0]), world.start(task.train[0])
    refund, look = calls(REFUND, ("find_orders", {"email": "ada@mail.example"}))
    before = first.call(look).value
    assert first.call(refund).value["refunded"] is True
    assert before[0]["refunded"] is False
    assert second.call(look).value == before


HEAD = "from rung.worlds.user_world import Toolbox\nbox = Toolbox()\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\n", r"world.py: no WORLD \(WORLD = TableWorld"),
        ("WORLD = 1\n", "WORLD has no name, tools, brief, start, oracle, score"),
        ("class WORLD:\n    def __init__(self): 1 / 0\n", "line 2: making WORLD raised ZeroDivis"),
        ("def f(:\n", "line 1: loading the world raised SyntaxError"),
        (f"{HEAD}@box.tool\ndef f(s): ...\n", "line 3: tool 'f' has no docstring"),
        (f"{HEAD}@box.tool\ndef f(s, x):\n    'F.'\n", "line 3: tool 'f': its argument 'x' has no"),
        (f"{HEAD}@box.tool\ndef f():\n    'F.'\n", "takes no argument; its first is the state"),
        (f"{HEAD}@box.tool\ndef f(s, *x: int):\n    'F.'\n", "cannot be given by name"),
        (f"{HEAD}@box.tool\ndef f(s, x: 'Gone'):\n    'F.'\n", "name 'Gone' is not defined"),
        (f"{HEAD}@box.tool(name='a b')\ndef f(s):\n    'F.'\n", "a name has letters"),
        (f"{HEAD}for _ in '12':\n    @box.tool\n    def f(s):\n        'F.'\n", "two tools 'f'"),
    ],
)
def test_mistakes_name_the_line(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "world.py").write_text(source)
    with pytest.raises(TaskError, match=message):
        load_world(tmp_path / "world.py")


def test_a_mistake_in_a_tool_names_its_line(task: Task) -> None:
    path = task.path / "world.py"
    path.write_text(path.read_text().replace("tables.add(", "tables.insert("))
    world = open_world(task)
    with pytest.raises(TaskError, match=r"world.py, line \d+: the tool write_mail raised Attrib"):
        world.score(task.train[0], calls(MAIL))


@pytest.mark.parametrize(
    ("setup", "message"),
    [
        ({"row": {}}, r"unknown key setup.row \(did you mean 'rows'"),
        ({"rows": {"order": []}}, r"a table 'order' \(did you mean 'orders'"),
        ({"rows": {"orders": [{"email": "x"}]}}, "a row of setup.rows has no id"),
        ({"look_ups": [{"tool": "find_orders"}]}, "is no list of calls"),
        ({"says": {"text": ["80"]}}, "setup.says is"),
        ({"rows": [{"id": "A-1"}]}, "setup.rows is"),
        ({"rows": {"orders": {"id": "A-1"}}}, "a row of setup.rows has no id"),
        ({"rows": {"orders": None}}, "a row of setup.rows has no id"),
        ({"rows": {"orders": [{"id": 7}]}}, "orders has a row with the id 7; ids look like A-1042"),
        ({"rows": {"orders": [{"id": "a-7"}]}}, "a row with the id 'a-7'"),
        ({"never": {"tool": "refund"}}, "setup.never is"),
        ({"never": ["refund"]}, "setup.never is"),
        ({"never": [{"tool": "refund"}]}, "setup.never names 'refund'; there is no such tool"),
        ({"says": [{"text": ["80"]}]}, "setup.says has more items than the target has calls"),
    ],
)
def test_a_setup_that_cannot_be_used_is_named(setup: dict[str, Any], message: str) -> None:
    world = TableWorld(
        name="t", brief="b", toolbox=Toolbox(), kinds={"orders": Kind(noun="order", prefix="A")}
    )
    example = Example(id="e", input="", target={"calls": []}, group="e", setup=setup)
    with pytest.raises(TaskError, match=message):
        world.oracle(example)
        world.score(example, [])


def test_an_assertion_that_no_write_could_break_is_a_mistake(task: Task) -> None:
    never = [{"name": "n", "tool": "refund", "arguments": {"ordr": "A-1002"}}]
    example = replace(task.train[0], setup={"never": never})
    with pytest.raises(TaskError, match=r"names 'ordr'; refund has no such .*mean 'order'"):
        open_world(task).score(example, [])


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ([{}, {"text": "80.00"}], r"setup.says.text is '80.00' \(write a list of texts"),
        ([{"note": ["80.00"]}], "setup.says.note: refund of the target has no such argument"),
    ],
)
def test_what_texts_must_say_is_checked(task: Task, says: list[Any], message: str) -> None:
    example = replace(task.train[0], setup={"says": says})
    with pytest.raises(TaskError, match=message):
        open_world(task).score(example, calls(REFUND, MAIL))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("refund", {"order": "A-9999", "reason": "defective"}), "no order 'A-9999'"),
        (("refnd", {}), "there is no tool 'refnd'"),
    ],
)
def test_a_target_that_the_world_refuses_is_no_reason_to_do_nothing(
    task: Task, call: Any, message: str
) -> None:
    target = {"calls": [one.to_json() for one in calls(call)]}
    example = replace(task.train[0], target=target, setup={})
    with pytest.raises(TaskError, match=f"example 'r1': a call of its target fails: .*{message}"):
        open_world(task).score(example, [])


def test_what_the_world_refused_did_not_happen(task: Task) -> None:
    gone = {"id": "A-7", "email": "ada@mail.example", "item": "hat", "eur": 5.0, "refunded": True}
    never = [{"name": "refunded_twice", "tool": "refund", "arguments": {"order": "A-7"}}]
    setup = {"rows": {"orders": [gone]}, "never": never}
    idle = replace(task.train[0], target={"calls": []}, setup=setup)
    outcome = open_world(task).score(
        idle, calls(("refund", {"order": "A-7", "reason": "defective"}))
    )
    assert (outcome.action_level, outcome.strict, outcome.forbidden) == (1.0, True, ())


def test_look_ups_in_a_target_cost_nothing(task: Task) -> None:
    example = task.train[0]
    look = Call(tool="find_orders", arguments={"email": "ada@mail.example"})
    target = {"calls": [look.to_json(), *example.target["calls"]]}
    looking = replace(example, target=target, setup={"says": [{}, {}, {"text": ["80.00"]}]})
    outcome = open_world(task).score(looking, calls(REFUND, MAIL))
    assert (outcome.action_level, outcome.strict, outcome.num_missing) == (1.0, True, 0)


def test_a_prefix_is_in_capitals() -> None:
    with pytest.raises(TaskError, match="the prefix of 'order' ids is 'a', not in capitals"):
        Kind(noun="order", prefix="a")


def test_new_rows_are_compared_without_their_ids() -> None:
    box = Toolbox()

    @box.tool(writes=True)
    def note(tables: Tables, text: str) -> Row:
        """Write a note."""
        return tables.add("notes", {"text": text})

    kinds = {"notes": Kind(noun="note", prefix="N")}
    world = TableWorld(name="t", brief="b", toolbox=box, kinds=kinds)
    pair = [{"tool": "note", "arguments": {"text": text}} for text in ("a", "b")]
    example = Example(id="e", input="", target={"calls": pair}, group="e")
    made = [Call(**call) for call in json.loads(json.dumps(pair[::-1]))]
    assert world.score(example, made).strict
    assert not world.score(example, [*made, made[0]]).strict


DESK = Toolbox()


@DESK.tool(writes=True)
def put(tables: Tables, card: str, place: str, note: str = "") -> Row:
    """Put a card somewhere."""
    return tables.change("cards", card, {"place": place, "note": note})


@DESK.tool(writes=True)
def new(tables: Tables, place: str) -> Row:
    """Make a card."""
    return tables.add("cards", {"place": place, "note": ""})


@DESK.tool(writes=True)
def drop(tables: Tables, card: str) -> Row:
    """Drop a card."""
    return tables.remove("cards", card)


@pytest.mark.parametrize(
    ("made", "is_strict"),
    [
        ([("put", {"card": "C-1", "place": "b"})], True),
        ([("put", {"card": "C-1", "place": "c"}), ("put", {"card": "C-1", "place": "b"})], True),
        ([("put", {"card": "C-1", "place": "b", "note": "x"}),
          ("put", {"card": "C-1", "place": "b"})], False),
        ([("put", {"card": "C-2", "place": "b"}), ("put", {"card": "C-1", "place": "b"}),
          ("put", {"card": "C-2", "place": "a"})], False),
        ([("new", {"place": "a"}), ("drop", {"card": "C-3"}),
          ("put", {"card": "C-1", "place": "b"})], False),
        ([("put", {"card": "C-1", "place": "b"}), ("put", {"card": "C-2", "place": "a"})], True),
    ],
)  # fmt: skip
def test_what_was_changed_and_changed_back_is_no_part_of_the_work(
    made: list[Any], is_strict: bool
) -> None:
    rows = {"cards": [{"id": f"C-{number}", "place": "a", "note": ""} for number in (1, 2)]}
    kinds = {"cards": Kind(noun="card", prefix="C")}
    world = TableWorld(name="t", brief="b", toolbox=DESK, kinds=kinds, rows=rows)
    (asked,) = calls(("put", {"card": "C-1", "place": "b"}))
    example = Example(id="e", input="", target={"calls": [asked.to_json()]}, group="e")
    outcome = world.score(example, calls(*made))
    assert (outcome.strict, outcome.cause == "") == (is_strict, is_strict)


def test_rows_may_be_made_in_steps_and_dropped_where_that_is_asked() -> None:
    kinds = {"cards": Kind(noun="card", prefix="C")}
    world = TableWorld(name="t", brief="b", toolbox=DESK, kinds=kinds, rows={})
    asked = calls(("new", {"place": "a"}), ("drop", {"card": "C-1001"}), ("new", {"place": "b"}))
    target = {"calls": [call.to_json() for call in asked]}
    example = Example(id="e", input="", target=target, group="e")
    assert world.score(example, asked).strict
    detour = calls(
        ("new", {"place": "a"}), ("drop", {"card": "C-1001"}), ("new", {"place": "z"}),
        ("put", {"card": "C-1002", "place": "b"}),
    )  # fmt: skip
    assert world.score(example, detour).strict
