"""Known answers on the real data set, which is not part of this repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.flow.run import run_route
from rung.tasks.task import Example, Task
from rung.worlds.catalog import make_bundled
from rung.worlds.workbench import oracle
from rung.worlds.workbench.options import ExtraTools
from rung.worlds.workbench.oracle.grounds import sources
from rung.worlds.workbench.published import data_folder, is_data_set, read_examples
from rung.worlds.workbench.world import WorkBench

DATA = Path(__file__).parents[4] / "shared" / "data" / "workbench"
pytestmark = pytest.mark.skipif(
    not is_data_set(DATA),
    reason=f"no WorkBench data set in {DATA}: clone WorkBench (Styles et al. 2024) there",
)
FIGURES = [
    ("gpt-4", 340, 138),
    ("claude-2", 156, 254),
    ("mistral-8x7B", 132, 237),
    ("gpt-3.5", 93, 362),
    ("llama2-70b", 16, 137),
    ("gpt-4-all", 294, 177),
    ("claude-2-all", 169, 235),
    ("mistral-8x7B-all", 108, 180),
]


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNG_HOME", str(tmp_path_factory.mktemp("home")))
        return make_bundled("workbench", "workbench", data=DATA)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return read_examples(data_folder(DATA))


@pytest.mark.parametrize("run, correct, side_effects", FIGURES)
def test_recorded_runs_score_as_published(
    task: Task, run: str, correct: int, side_effects: int
) -> None:
    arm, _ = run_route(task, f"recorded:{run}")
    assert len(arm.rows) == 690
    assert sum(row.strict for row in arm.rows) == correct
    assert sum(row.fields["side_effects"] for row in arm.rows) == side_effects


def test_the_splits(task: Task) -> None:
    assert (len(task.train), len(task.dev), task.num_holdout) == (344, 71, 275)


@pytest.mark.parametrize("extra_tools, verbatim", [(False, 562), (True, 652), ("answers", 647)])
def test_the_oracle_is_grounded(
    task: Task, examples: list[Example], extra_tools: ExtraTools, verbatim: int
) -> None:
    world = WorkBench.open(task.path / "world", extra_tools=extra_tools)
    deduced = grounded = seen = 0
    for example in examples:
        solution = oracle.solve(world, example)
        assert world.score(example, solution.calls).strict
        kinds = set(sources(world, example, solution.calls).values())
        deduced += solution.deduced
        if solution.deduced and not solution.reason and "unseen" not in kinds:
            grounded += 1
            seen += "worked_out" not in kinds
    assert (deduced, grounded, seen) == (682, 675, verbatim)
