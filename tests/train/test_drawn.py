"""Methods that learn from the model's own answers: a tiny random model gets better at a task."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("peft", reason="pip install 'rung[train]'")
import torch

import tiny_models
import toys
from rung.agents.episode import Episode, Step
from rung.core.errors import TrainError
from rung.tasks.task import Example, Task
from rung.train import attempts, dpo, grpo, rft
from rung.train.attempts import Drawing, draw_all, drawing_s
from rung.train.audit import audit, demand_audited
from rung.train.base import trainable
from rung.train.methods import Job
from rung.train.reference import Reference
from rung.train.rewards import verifier_of
from rung.train.rollouts import Drawn, Reward, Rollouts, weigh
from rung.train.sampling import Attempt, Sampler, decided, pass_at
from rung.train.sft import text_logprobs
from rung.train.texts import Text
from rung.worlds.world import Call, Result

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

FEW = Drawing(count=6)
CHANCE = 0.34


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """A second thread does nothing for matrices of this size but wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNG_THREADS", "1")
        torch.set_num_threads(1)
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drawn")


@pytest.fixture(scope="module")
def base(home: Path) -> Path:
    return tiny_models.write_model(home / "model", "llama")


@pytest.fixture(scope="module")
def task(home: Path) -> Task:
    return toys.write_task(home / "toy")


@pytest.fixture(scope="module")
def drawn(home: Path, base: Path, task: Task) -> str:
    """Return four answers of the untrained model to each train example, as a run keeps them."""
    with toys.job_of(task, base, home / "first") as job, sampler_of(job) as sampler:
        draw_all(sampler, job, FEW)
    return (home / "first" / attempts.FILE).read_text("utf-8")


def sampler_of(job: Job) -> Sampler:
    return Sampler(job.model, job.base, job.writer, verifier_of(job.task))


@pytest.fixture
def job(base: Path, task: Task, drawn: str, tmp_path: Path) -> Iterator[Job]:
    with toys.job_of(task, base, tmp_path / "run", judgements=1) as made:
        (made.folder / attempts.FILE).write_text(drawn, "utf-8")
        yield made


def settled(job: Job, **settings: Any) -> Job:
    return replace(job, settings=replace(job.settings, **settings))


def test_rft_learns_from_what_it_gets_right(job: Job) -> None:
    assert toys.pass_rate(job) <= CHANCE
    rft.train(settled(job, epochs=8, learning_rate=1e-2, batch_size=8), FEW)
    assert toys.pass_rate(job) >= 0.9
    report = json.loads((job.folder / rft.REPORT).read_text("utf-8"))
    assert 0.1 < report["pass_at_1"] < CHANCE < report["pass_at_6"]
    assert report["num_texts"] == sum(rate > 0 for rate in report["acceptance"].values())


def test_dpo_learns_from_right_against_wrong(job: Job) -> None:
    assert toys.pass_rate(job) <= CHANCE
    history = dpo.train(settled(job, epochs=8, learning_rate=1e-2, batch_size=8), FEW)
    assert history.losses[0] == pytest.approx(math.log(2), abs=1e-4)  # it is its own reference
    assert toys.pass_rate(job) >= 0.9


@pytest.mark.slow
def test_grpo_learns_from_rewards_alone(job: Job) -> None:
    """What is never right by chance is not rewarded: one of the three categories stays unlearnt."""
    assert toys.pass_rate(job) <= CHANCE
    reward = Reward(num_probes=6, group_size=6, refills=1, beta=0.01, updates=2)
    grpo.train(settled(job, epochs=4, learning_rate=1e-2, batch_size=8), reward)
    assert toys.pass_rate(job) >= 0.6
    report = json.loads((job.folder / grpo.REPORT).read_text("utf-8"))
    lines = (job.folder / grpo.ROLLOUTS).read_text("utf-8").splitlines()
    rates = [json.loads(line)["pass_rate"] for line in lines]
    assert rates[-1] > rates[0]
    assert report["audit"]["problem"] == ""
    assert report["num_in_band"] < len(job.examples)  # never or always right is not trained on


def test_draws_are_the_policy_under_the_form(job: Job) -> None:
    """Over many draws, each option as often as its own text's probability among the options'."""
    example = job.task.train[0]
    with sampler_of(job) as sampler:
        (group,) = sampler.draw([example], 200, temperature=1.0, seed=3)
        (again,) = sampler.draw([example], 8, temperature=1.0, seed=3)
        options = [{"category": one} for one in sorted(toys.SIGNS)]
        texts = [sampler.writer.texts(example, output)[0] for output in options]
    assert again == group[:8]
    with torch.no_grad():
        wanted = torch.softmax(text_logprobs(job.model, texts), dim=0).tolist()
    for output, p in zip(options, wanted, strict=True):
        share = sum(one.output == output for one in group) / len(group)
        assert share == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 200) + 0.005)


def test_a_killed_run_draws_no_answer_twice(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    draw = Sampler.draw

    def counted(self: Sampler, examples: Any, *args: Any, **kwargs: Any) -> Any:
        asked.extend(one.id for one in examples)
        return draw(self, examples, *args, **kwargs)

    monkeypatch.setattr(Sampler, "draw", counted)
    path = job.folder / attempts.FILE
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([*lines[:-2], lines[-2][:20]]), "utf-8")
    now, before = iter(range(0, 10**9, 1000)), drawing_s(job.folder)
    monkeypatch.setattr(attempts, "monotonic_ms", lambda: float(next(now)))
    with sampler_of(job) as sampler:
        groups = draw_all(sampler, job, FEW)
        assert draw_all(sampler, job, FEW) == groups
    assert asked == [one.id for one in job.examples[-2:]]
    assert before > 0.0
    assert drawing_s(job.folder) == pytest.approx(before + 2.0)
    assert [group[0].example for group in groups] == list(job.examples)


def test_a_run_that_goes_on_reads_answers_as_they_were_drawn(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = {"tags": {"later": 1, "earlier": 2}, "category": "billing"}

    def draw(self: Sampler, examples: Any, *args: Any, **kwargs: Any) -> Any:
        return [[Attempt(example=examples[0], number=0, output=output, right=True)]]

    monkeypatch.setattr(Sampler, "draw", draw)
    with sampler_of(job) as sampler:
        for _ in range(2):  # drawn, then read
            groups = draw_all(sampler, job, Drawing(count=1))
            assert json.dumps(groups[0][0].output) == json.dumps(output)


def test_groups_that_teach_nothing_are_replaced(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = job.task.train[:3]
    asked: list[list[str]] = []

    def draw(self: Sampler, examples: Any, count: int, **_: Any) -> list[list[Attempt]]:
        asked.append([one.id for one in examples])
        return [
            attempts_at(one, [True] * count if one == first else [True, False]) for one in examples
        ]

    monkeypatch.setattr(Sampler, "draw", draw)
    with sampler_of(job) as sampler:
        reward, told = Reward(group_size=2), list[Drawn]()
        rollouts = Rollouts(sampler, job.model, [third], reward, told=told.append)
        loss = rollouts.loss(job.model, [first, second])
    assert asked == [[first.id, second.id], [third.id]]
    assert [(one.num_groups, one.num_dropped) for one in told] == [(3, 1)]
    assert loss.num_trained == 4  # two answers of two groups, one decision each


def attempts_at(example: Example, rights: list[bool]) -> list[Attempt]:
    names = sorted(toys.SIGNS)
    return [
        Attempt(example=example, number=i, output={"category": names[i]}, right=right)
        for i, right in enumerate(rights)
    ]


def test_an_answer_without_text_still_counts_for_the_others() -> None:
    example = Example(id="a", input="", target={}, group="a")
    group = attempts_at(example, [True, False])
    group.append(Attempt(example=example, number=2, output=None, right=False))
    text = Text(example="a", tokens=(1, 2), trained=(False, True))
    found = weigh(group, lambda one: (text,) if one.output else (), "mean")
    assert [one.advantage for one in found] == pytest.approx([2 / 3, -1 / 3])


def test_an_agents_attempt_is_its_own_calls_where_all_went_through() -> None:
    look, end = Call(tool="look", arguments={}), Call(tool="finish", arguments={"answer": "done"})
    steps = (Step(call=look, result=Result(value=1)), Step(call=end))
    made = (look, Call(tool="read_back", arguments={}))  # the code's own look-up is not learnt
    found = decided(Episode(calls=made, status="ok", steps=steps))
    assert found == {"calls": [look.to_json(), end.to_json()]}
    for bad in (
        Step(call=look, blocked="an id that was never shown"),
        Step(call=look, result=Result(error="no such record")),
        Step(blocked="not a call"),
    ):
        assert decided(Episode(status="ok", steps=(bad, *steps))) is None


def test_the_reference_is_the_model_as_it_was(job: Job) -> None:
    texts = list(job.texts[:3])
    before = text_logprobs(job.model, texts).detach()
    reference = Reference(job.model)
    with torch.no_grad():
        for parameter in trainable(job.model).values():
            parameter.add_(0.1)
    after = text_logprobs(job.model, texts).detach()
    with reference.in_place():
        torch.testing.assert_close(text_logprobs(job.model, texts), before)
    torch.testing.assert_close(text_logprobs(job.model, texts).detach(), after)
    assert not torch.allclose(before, after)


def test_a_lax_verifier_may_not_reward(job: Job, tmp_path: Path) -> None:
    task = job.task
    demand_audited(audit(verifier_of(task), task.train))
    (tmp_path / "scorer.py").write_text(
        "def score(example, output):\n"
        "    said = str(output.get('category')).split()\n"
        "    return float(example.target['category'] in said)\n"
    )
    lax = replace(task, path=tmp_path)
    found = audit(verifier_of(lax), task.train)
    assert set(found.accepted) == {"spam"}
    with pytest.raises(TrainError, match=r"scorer.py of task 'toy' may not reward.*'spam'"):
        grpo.train(replace(job, task=lax))


def test_nothing_to_reinforce_is_said(job: Job) -> None:
    path = job.folder / attempts.FILE
    path.write_text(path.read_text("utf-8").replace("true", "false"), "utf-8")
    with pytest.raises(TrainError, match=r"of 30 examples 0 are answered rightly.*sft"):
        grpo.train(job, Reward(num_probes=6))
    with pytest.raises(TrainError, match="none of 6 answers"):
        rft.train(job, FEW)
    with pytest.raises(TrainError, match="there are no pairs"):
        dpo.train(job, FEW)


@pytest.mark.parametrize(
    "num, right, k, wanted", [(8, 1, 1, 0.125), (8, 1, 8, 1.0), (5, 2, 2, 0.7)]
)
def test_pass_at_k_known_answers(num: int, right: int, k: int, wanted: float) -> None:
    assert pass_at(num, right, k) == pytest.approx(wanted)
