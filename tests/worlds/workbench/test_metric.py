"""The published outcome metric: equal states, side effects, exact matches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from offices import MARA, TOM, call, example
from rung.core.errors import TaskError
from rung.worlds.workbench.options import ExtraTools, Options, read_options
from rung.worlds.workbench.state import State
from rung.worlds.workbench.world import WorkBench
from rung.worlds.world import Call

SEND = call("email.send_email", recipient=TOM, subject="Hi", body="A\nb")
TELL = call("email.send_email", recipient=MARA, subject="Hi", body="c")
DROP = call("email.delete_email", email_id="00000011")
DROP_OTHER = call("email.delete_email", email_id="00000012")
LOOK = call("email.search_emails", query="paint")


@pytest.mark.parametrize(
    "required, made, correct, side_effects, exact, cause",
    [
        ([SEND], [LOOK, SEND], True, False, True, ""),  # look-ups cost nothing
        ([], [], True, False, True, ""),
        ([], [LOOK], True, False, True, ""),
        ([], [DROP], False, True, False, "over_action"),
        ([DROP], [], False, False, False, "missing_action"),
        ([DROP], [DROP_OTHER], False, True, False, "wrong_entity"),
        ([DROP], [DROP, DROP_OTHER], False, True, False, "over_action"),
        ([DROP, DROP_OTHER], [DROP_OTHER, DROP], True, False, True, ""),  # no order in deleting
        ([SEND, TELL], [TELL, SEND], False, True, True, "over_action"),  # but in sending
        ([DROP], [DROP, DROP], True, False, False, ""),  # the second one fails and is skipped
        ([SEND], [call("email.send_email", recipient=TOM, subject="HI", body="a\nB")],
         True, False, True, ""),  # case is free
        ([SEND], [call("email.send_email", recipient=TOM, subject="Hi")],
         False, False, False, "omitted_datum"),  # refused: nothing is sent
        ([SEND], [call("email.send_email", recipient=TOM, subject="Hi", body="x")],
         False, True, False, "wrong_argument"),
        ([SEND], [call("email.send_email", recipient=TOM, subject="Hi", body=float("nan"))],
         False, False, False, "wrong_argument"),  # not text: refused
        ([SEND], [call("nobody.knows", x="1"), SEND], True, False, True, ""),
    ],
)  # fmt: skip
def test_outcomes(
    world: WorkBench,
    required: Sequence[Call],
    made: Sequence[Call],
    correct: bool,
    side_effects: bool,
    exact: bool,
    cause: str,
) -> None:
    outcome = world.score(example(answer=required), made)
    assert outcome.strict is correct
    assert outcome.side_effects is side_effects
    assert outcome.details["exact"] is exact
    assert outcome.cause == cause


def test_a_change_that_is_taken_back_has_no_side_effects(world: WorkBench) -> None:
    undo = call("email.delete_email", email_id="00000014")
    outcome = world.score(example(answer=[DROP]), [SEND, undo])
    assert (outcome.strict, outcome.side_effects) == (False, False)


def test_partial_credit_is_kept_apart(world: WorkBench) -> None:
    outcome = world.score(example(answer=[SEND, DROP]), [SEND])
    assert (outcome.action_level, outcome.strict, outcome.num_missing) == (0.5, False, 1)


def test_sessions_share_nothing(world: WorkBench) -> None:
    first, second = world.start(example()), world.start(example())
    assert first.call(DROP).error == ""
    assert second.call(DROP).error == ""
    assert "there is no email" in first.call(DROP).error


def test_an_agent_is_given_the_tools_of_the_domains(world: WorkBench, state: State) -> None:
    names = [tool.name for tool in world.tools(example(domains=["calendar"]))]
    assert len(names) == 6
    assert names[-1] == "company_directory.find_email_address"
    every = WorkBench(state, Options(tools="all", extra_tools=True)).tools(example())
    assert len(every) == 27 + 5


def test_the_brief_tells_the_date_and_the_hours(world: WorkBench) -> None:
    brief = world.brief(example())
    assert "Thursday, 2023-11-30" in brief
    assert "before 9:00 or end after 18:00" in brief


def test_options_are_read_from_the_folder_and_may_be_overruled(data_set: Path) -> None:
    from rung.worlds.workbench.generate import WORLD, furnish

    furnish(data_set, data=data_set)
    folder = data_set / WORLD
    assert WorkBench.open(folder).options == Options()
    (folder / "options.toml").write_text('tools = "all"\nextra_tools = true\n', "utf-8")
    assert WorkBench.open(folder).options == Options(tools="all", extra_tools=True)
    assert WorkBench.open(folder, extra_tools=False).options.extra_tools is False


@pytest.mark.parametrize("extra, num_more", [(False, 0), (True, 5), ("answers", 5 + 4 + 12)])
def test_extra_tools_are_written_and_read_back(
    state: State, tmp_path: Path, extra: ExtraTools, num_more: int
) -> None:
    options = Options(extra_tools=extra)
    (tmp_path / "options.toml").write_text(options.to_toml(), "utf-8")
    assert read_options(tmp_path) == options
    tools = WorkBench(state, options).tools(example(domains=["calendar"]))
    assert len(tools) == 6 + num_more
    assert not any(tool.writes for tool in tools if tool.name.startswith("helper."))


@pytest.mark.parametrize(
    "text, words",
    [
        ('tool = "all"', "unknown key 'tool'"),
        ('tools = "every"', "tools is 'every'"),
        ("extra_tools = 1", "extra_tools is 1"),
        ('extra_tools = "answer"', "extra_tools is 'answer'"),
        ("extra", "options.toml"),
    ],
)
def test_wrong_options_are_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "options.toml").write_text(text, "utf-8")
    with pytest.raises(TaskError, match=words):
        WorkBench.open(tmp_path)


def test_a_missing_table_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="rung init NAME --from FOLDER"):
        WorkBench.open(tmp_path)
