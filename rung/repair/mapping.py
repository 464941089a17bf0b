"""One route's rows to its repair map, with a reference and the run after a repair where given.

Pure: equal rows give an equal map. Where rows come from, and what is trained next, is not known
here. A holdout's rows must not be given; `flow/repair.py` sees to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rung.core.records import Row
from rung.gate.rows import gather, pair
from rung.ladder.measure import cost_per_accepted
from rung.repair.change import Met, change_of, difference
from rung.repair.clusters import Cell, gather_cells
from rung.repair.neighbours import Neighbours, Vote, mark_suspects
from rung.repair.payback import Training, invest
from rung.repair.readers import Reader, heard
from rung.repair.records import ANSWER, Cluster, Difference, Miss, RepairMap
from rung.repair.remedies import Evidence, recommend
from rung.routes.route import Route
from rung.stats.intervals import mean_interval
from rung.tasks.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Rows of one route, and what they are called."""

    name: str
    rows: tuple[Row, ...]
    route: Route | None = None
    """None where only a results file is known."""


def build_map(
    task: Task,
    reader: Reader,
    run: Run,
    *,
    split: str,
    reference: Run | None = None,
    after: Run | None = None,
    generates: bool = False,
    num_left_out: int = 0,
    training: Training | None = None,
) -> RepairMap:
    """Return the map of a run on examples of the task's train or dev; `training` is what one takes.

    Raises GateError when a run repeats a sample, or `after` was measured on other examples.
    """
    known = {example.id: example for example in (*task.train, *task.dev)}
    gathered = gather(run.rows, name=run.name)
    before = Met(reader, known, gathered)
    others = gather(reference.rows, name=reference.name) if reference else {}
    other = Met(reader, known, others) if reference else None
    neighbours = Neighbours(task.train)
    votes = {miss.key: neighbours.vote(miss) for miss in before.missed.values()}
    misses = mark_suspects(list(before.missed.values()), votes, other.missed if other else {})
    weigh = _Weigh(
        task=task,
        reader=reader,
        run=run,
        misses=misses,
        votes=votes,
        other=other,
        answered={example for example, samples in others.items() if heard(samples)},
        generates=generates,
    )
    clusters = [weigh.cluster(cell) for cell in gather_cells(misses)]
    strict = _strict_change(run, after) if after else None
    if after is not None:
        later = Met(reader, known, gather(after.rows, name=after.name))
        examples = [known[example] for example in gathered]
        clusters = [
            replace(one, change=change_of(one.misses, reader, examples, before, later))
            for one in clusters
        ]
    worth = partial(
        invest, training=training, num_examples=len(gathered), volume_per_day=task.volume_per_day
    )
    clusters = [
        replace(one, investment=worth([one]) if one.remedy.is_training else None)
        for one in clusters
    ]
    trained = [one for one in clusters if one.remedy.is_training]
    return RepairMap(
        task=task.name,
        route=run.route.name if run.route else run.name,
        split=split,
        num_examples=len(gathered),
        num_failed=len({miss.example for miss in misses}),
        num_left_out=num_left_out,
        cpao_usd=weigh.cpao_usd,
        priced=weigh.priced,
        reference=reference.name if reference else "",
        clusters=tuple(clusters),
        after=after.name if after else "",
        strict_change=strict,
        volume_per_day=task.volume_per_day,
        training=training,
        investment=worth(trained) if trained else None,
    )


def _strict_change(before: Run, after: Run) -> Difference:
    pairs = pair(before.rows, after.rows, reference_name=before.name, candidate_name=after.name)
    return difference(
        [samples.strict for samples in pairs.reference],
        [samples.strict for samples in pairs.candidate],
        pairs.groups,
    )


class _Weigh:
    """Says of each cell what it costs, whether the reference meets it and what to do."""

    def __init__(
        self,
        *,
        task: Task,
        reader: Reader,
        run: Run,
        misses: Sequence[Miss],
        votes: Mapping[tuple[str, str], Vote | None],
        other: Met | None,
        answered: set[str],
        generates: bool,
    ) -> None:
        self._task, self._run, self._misses, self._votes = task, run, misses, votes
        self._other, self._answered, self._generates = other, answered, generates
        self.priced = task.error_cost is not None
        # What a recorded run cost nobody knows: its rows say 0.
        known = any(row.cost_usd or row.error_cost_usd for row in run.rows)
        cpao_usd = cost_per_accepted(run.rows, priced_errors=self.priced)
        self.cpao_usd = cpao_usd if known else None
        self._train_scopes = [
            (example.id, set(reader.requirements(example).values())) for example in task.train
        ]

    def cluster(self, cell: Cell) -> Cluster:
        """Return the cell as a cluster of the map."""
        inside = {miss.key for miss in cell.misses}
        of_all = [float(miss.key in inside) for miss in self._misses]
        known = [miss for miss in cell.misses if miss.example in self._answered]
        met = sum(self._other.meets(*miss.key) for miss in known) if self._other else 0
        return Cluster(
            name=cell.name,
            cause=cell.cause,
            place=cell.place,
            detail=cell.detail,
            about=cell.about,
            misses=cell.misses,
            num_examples=len({miss.example for miss in cell.misses}),
            share=len(cell.misses) / len(self._misses),
            share_ci=mean_interval(of_all, [m.group for m in self._misses], low=0.0, high=1.0),
            error_cost_usd=sum(miss.error_cost_usd for miss in cell.misses),
            cpao_saving_usd=self._saving(inside),
            num_reference=len(known),
            num_reference_met=met,
            remedy=recommend(self._evidence(cell, len(known), met)),
        )

    def _evidence(self, cell: Cell, num_reference: int, met: int) -> Evidence:
        misses, num = cell.misses, len(cell.misses)
        scopes = {miss.scope for miss in misses}
        own = {miss.example for miss in misses}
        found = [vote for miss in misses if (vote := self._votes[miss.key]) is not None]
        return Evidence(
            cause=cell.cause,
            num=num,
            in_world=bool(self._task.world),
            num_reference=num_reference,
            num_reference_met=met,
            p_pass=sum(miss.p_pass for miss in misses) / num,
            num_samples=min(miss.num_samples for miss in misses),
            num_train=sum(
                example not in own and bool(scopes & theirs)
                for example, theirs in self._train_scopes
            ),
            generates=self._generates,
            num_conflicts=sum(vote.conflict for vote in found),
            route=self._run.route,
        )

    def _saving(self, inside: set[tuple[str, str]]) -> float | None:
        """Return what the cost per acceptable outcome would fall by without these misses.

        Where errors are priced an example is accepted once the misses that cost something are gone,
        else once all are.
        """
        blocked = {
            miss.example
            for miss in self._misses
            if miss.key not in inside
            and (not self.priced or miss.error_cost_usd > 0 or miss.requirement == ANSWER)
        }
        cured = {example for example, _ in inside} - blocked
        rows = [
            replace(row, strict=True, status="ok", error_cost_usd=0.0)
            if row.example in cured
            else row
            for row in self._run.rows
        ]
        now, then = self.cpao_usd, cost_per_accepted(rows, priced_errors=self.priced)
        return now - then if now is not None and then is not None else None
