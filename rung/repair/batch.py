"""The next training batch: variants of what failed, and replay of what works.

65 % are examples like the misses of the clusters that training may repair, 35 % are replay: what
must not be done (negative), requests that need nothing (stop), and what the route does best, so
that one repair does not cost another (methods 9, sparse repair: 30 to 40 %). Every example is of
train's share, its solution is strict by the task's own scorer, and no cluster is repaired whose
labels are in doubt. Nothing is trained and nothing is written here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import zip_longest
from typing import Literal, get_args

from rung.core.errors import TrainError
from rung.core.seeds import stream
from rung.repair.readers import Reader
from rung.repair.records import Cluster, Miss, RepairMap, Rung
from rung.tasks.features import TextIndex
from rung.tasks.task import Example

Kind = Literal["miss", "negative", "stop", "works"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TRAINABLE: tuple[Rung, ...] = ("example", "sft", "dpo", "rl")
"""Remedies that training can take the place of; labels in doubt and missing code are not."""
NUM_PER_MISS = 8
MAX_MISS_ROWS = 1000
REPLAY_SHARE = 0.35
NEGATIVE_SHARE, STOP_SHARE = 0.4, 0.2
"""Largest shares of replay."""
WORKS = 0.5
"""How often a requirement has to be met, above this, for its examples to be what works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One example of the batch, and why it is in it."""

    example: Example
    kind: Kind
    cluster: str = ""
    """Of kind `miss`: the cluster that it repairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What to train on next, in training order."""

    rows: tuple[Chosen, ...]
    num_unverified: int
    """Examples passed over because their solution is not strict."""

    def count(self, kind: Kind) -> int:
        """Return how many rows are of a kind."""
        return sum(row.kind == kind for row in self.rows)

    def clusters(self) -> Mapping[str, int]:
        """Return how many rows repair each cluster."""
        return Counter(row.cluster for row in self.rows if row.kind == "miss")


def choose_batch(
    repair: RepairMap,
    reader: Reader,
    pool: Sequence[Example],
    *,
    met: Mapping[str, float],
    is_strict: Callable[[Example], bool],
    seed: int = 0,
) -> Batch:
    """Return a batch from the pool, which must be of train's share.

    `met` is how often the run met each scope, 0 to 1; `is_strict` verifies an example's solution.
    Raises TrainError when no cluster is for training, or the pool has nothing like the misses.
    """
    clusters = [one for one in repair.clusters if one.remedy.rung in TRAINABLE]
    if not clusters:
        found = ", ".join(sorted({one.remedy.rung for one in repair.clusters}))
        raise TrainError(
            f"no cluster of {repair.route!r} is for training: the remedies are {found}",
            hint=f"rung repair {repair.task} says which comes first and why",
        )
    choice = _Choice(reader, pool, is_strict)
    repairs = [
        Chosen(example=example, kind="miss", cluster=cluster.name)
        for cluster, example in choice.like_misses(clusters)
    ]
    if not repairs:
        raise TrainError(
            f"train of task {repair.task!r} has no example like the {repair.num_misses} misses",
            hint="label some like the exemplars and add them to train in examples.jsonl",
        )
    wanted = round(len(repairs) * REPLAY_SHARE / (1.0 - REPLAY_SHARE))
    replay = list(choice.replay(clusters, wanted, met))
    rows = [*repairs, *replay]
    stream(seed, "repair", repair.task).shuffle(rows)
    return Batch(rows=tuple(rows), num_unverified=choice.num_unverified)


class _Choice:
    """Takes examples from the pool, none twice, each verified."""

    def __init__(
        self, reader: Reader, pool: Sequence[Example], is_strict: Callable[[Example], bool]
    ) -> None:
        self._reader, self._pool, self._is_strict = reader, pool, is_strict
        self._index = TextIndex([example.input for example in pool]) if pool else None
        self._scopes = [set(reader.requirements(example).values()) for example in pool]
        self._having: dict[str, list[int]] = defaultdict(list)
        for at, scopes in enumerate(self._scopes):
            for scope in scopes:
                self._having[scope].append(at)
        self._taken: set[int] = set()
        self.num_unverified = 0

    def like_misses(self, clusters: Sequence[Cluster]) -> Iterator[tuple[Cluster, Example]]:
        """Yield examples with the requirement that was missed, those nearest to the miss first.

        Clusters take turns, and the misses of each, so that a batch that is cut short still repairs
        every cluster.
        """
        turns = zip_longest(*([(one, miss) for miss in one.misses] for one in clusters))
        misses = [pair for turn in turns for pair in turn if pair is not None]
        queues: dict[tuple[str, str], Iterator[int]] = {}
        num = 0
        for cluster, miss in misses * NUM_PER_MISS:
            if miss.key not in queues:
                queues[miss.key] = iter(self._near(miss))
            at = self._take(queues[miss.key])
            if at is not None:
                num += 1
                yield cluster, self._pool[at]
            if num == MAX_MISS_ROWS:
                return

    def replay(
        self, clusters: Sequence[Cluster], wanted: int, met: Mapping[str, float]
    ) -> Iterator[Chosen]:
        """Yield at most `wanted` examples of what must keep working."""
        best = self._best_first(met)
        kinds: tuple[tuple[Kind, Iterable[int], float], ...] = (
            ("negative", self._negatives(clusters), NEGATIVE_SHARE),
            ("stop", self._stops(), STOP_SHARE),
            ("works", best, 1.0),
        )
        left = wanted
        for kind, found, share in kinds:
            queue = iter(found)
            for _ in range(min(left, round(share * wanted))):
                at = self._take(queue)
                if at is None:
                    break
                left -= 1
                yield Chosen(example=self._pool[at], kind=kind)

    def _take(self, queue: Iterator[int]) -> int | None:
        for at in queue:
            if at in self._taken:
                continue
            self._taken.add(at)
            if self._is_strict(self._pool[at]):
                return at
            self.num_unverified += 1
        return None

    def _near(self, miss: Miss) -> list[int]:
        """Return the positions of examples with the miss's requirement, the nearest text first.

        No more than may be wanted: the other misses take few of them before.
        """
        found = [at for at in self._having[miss.scope] if self._pool[at].id != miss.example]
        if self._index is None or not found:
            return []
        near = self._index.similarities(miss.text)
        return nsmallest(2 * MAX_MISS_ROWS, found, key=lambda at: (-near[at], at))

    def _negatives(self, clusters: Sequence[Cluster]) -> Iterator[int]:
        """Yield examples where what the route did wrongly is right, and those that forbid."""
        wrongly = {
            (miss.requirement, f"{miss.requirement} = {miss.got}")
            for cluster in clusters
            for miss in cluster.misses
        }
        for at, example in enumerate(self._pool):
            asked = self._reader.requirements(example)
            if example.setup.get("never") or not wrongly.isdisjoint(asked.items()):
                yield at

    def _stops(self) -> Iterator[int]:
        return (at for at, one in enumerate(self._pool) if one.target.get("calls") == [])

    def _best_first(self, met: Mapping[str, float]) -> list[int]:
        """Return positions, those first whose weakest requirement is met more often than not.

        Among them places take turns, so that one easy class does not fill the replay; of a place
        what is met best comes first.
        """
        weakest = [
            min((met[scope] for scope in scopes if scope in met), default=0.0)
            for scopes in self._scopes
        ]
        order = sorted(range(len(self._pool)), key=lambda at: -weakest[at])
        before: Counter[frozenset[str]] = Counter()
        turns = {}
        for at in order:
            place = frozenset(self._scopes[at])
            turns[at] = before[place]
            before[place] += 1
        return sorted(order, key=lambda at: (weakest[at] <= WORKS, turns[at]))
