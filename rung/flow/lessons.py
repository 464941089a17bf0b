"""What is trained on: the texts of a task's train examples, and of several tasks in equal shares.

Train and dev only; examples are checked to share nothing with dev or the holdout and curated before
they are written. Training itself is in `train.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rung.core.errors import ConfigError, GateError, TrainError
from rung.core.seeds import stream
from rung.gate.touching import check_untouched, touching, touching_another
from rung.repair.variants import generates, variants
from rung.tasks.answers import Answers
from rung.tasks.rows import read_rows
from rung.tasks.splits import split_hash
from rung.tasks.task import Example, Task
from rung.train.plan import MIN_EXAMPLES, TrainOptions

if TYPE_CHECKING:  # needs the `train` extra
    from rung.train.texts import Text
    from rung.train.write import Writer

MIN_DEV, MAX_DEV = 16, 128
"""Dev examples that judge a run on the way: an eighth of the train examples, within these limits,
so that eight judgements take about a tenth of a run."""
_UNWRITABLE_SHARE = 0.5
Told = Callable[[str], Callable[[int, int], None]]
"""Given what is being written, returns what is told of it: done, total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What one task is trained on, curated and not yet written."""

    task: Task
    examples: tuple[Example, ...]
    dev: tuple[Example, ...]
    """What judges a run on the way."""
    left_out: dict[str, int]
    """How many examples are not fit to train on, by reason."""
    report: dict[str, Any]
    """Of the curation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What lessons come to."""

    train: tuple[Text, ...]
    dev: tuple[Text, ...]
    left_out: dict[str, int]
    """How many examples have no text, by reason."""


def lesson_of(task: Task, options: TrainOptions, *, num_tasks: int = 1) -> Lesson:
    """Return what a task is trained on; each of several tasks has its share of the dev examples.

    Raises GateError for examples that would leak dev or the holdout.
    """
    examples, left_out, report = _curated(task, _examples(task, options), options)
    num_dev = min(max(len(examples) // 8, MIN_DEV), MAX_DEV)
    return Lesson(
        task=task,
        examples=tuple(examples),
        dev=tuple(_draw(task.dev, max(num_dev // num_tasks, MIN_DEV), options.seed)),
        left_out=left_out,
        report=report,
    )


def kept_apart(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Return the lessons without examples that say what dev or the holdout of another's task has.

    Nor does what is in another's holdout judge a run. Raises GateError where that leaves too few to
    train on.
    """
    found = []
    for lesson in lessons:
        kept = lesson
        for other in lessons:
            if other is not lesson:
                kept = _without(kept, other.task)
        found.append(kept)
    return found


def write_texts(lesson: Lesson, writer: Writer, told: Told) -> Texts:
    """Return a lesson's texts. Raises TrainError for too few."""
    found = writer.write(lesson.examples, told("texts"))
    judged = writer.write(lesson.dev, told("dev texts"))
    _demand_enough(lesson.task, found.texts, len(lesson.examples), found.left_out)
    return Texts(
        train=found.texts,
        dev=judged.texts,
        left_out=dict(Counter(lesson.left_out) + Counter(found.left_out)),
    )


def mix(parts: Sequence[tuple[Lesson, Texts]]) -> Texts:
    """Return the texts of several tasks, as many of each: those of the smaller come again.

    One task's texts are returned as they are.
    """
    if len(parts) == 1:
        return parts[0][1]
    most = max(len(texts.train) for _, texts in parts)
    train: list[Text] = []
    dev: list[Text] = []
    for lesson, texts in parts:
        named = _named(lesson.task, texts.train)
        train += [named[at % len(named)] for at in range(most)]
        dev += _named(lesson.task, texts.dev)
    left_out = sum((Counter(texts.left_out) for _, texts in parts), Counter[str]())
    return Texts(train=tuple(train), dev=tuple(dev), left_out=dict(left_out))


def check_mixture(task: Task, others: Sequence[Task], method: str) -> None:
    """Raise ConfigError for other tasks that cannot be trained along."""
    names = [task.name, *(other.name for other in others)]
    if others and method != "sft":
        raise ConfigError(
            f"--method {method} draws answers to one task; it cannot train"
            f" {', '.join(names[1:])} along",
            hint=f"rung train {task.name} --also {names[1]} --method sft",
        )
    for at, name in enumerate(names):
        if name in names[:at]:
            raise ConfigError(f"task {name!r} is named twice", hint="leave one --also out")


def _without(lesson: Lesson, task: Task) -> Lesson:
    """Return a lesson without what another task's dev or holdout has."""
    tied = touching_another(task, (*lesson.examples, *lesson.dev))
    lost = [one.id for one in lesson.examples if one.id in tied]
    num, num_left = len(lesson.examples), len(lesson.examples) - len(lost)
    if lost and num_left < MIN_EXAMPLES:
        name = lesson.task.name
        raise GateError(
            f"training on {lost[0]!r} of task {name!r} would leak {tied[lost[0]]} of task"
            f" {task.name!r}: they say or ask the same; without such examples {num_left} of {num}"
            f" are left, and {MIN_EXAMPLES} are needed",
            hint=f"train an adapter for each: leave {task.name} or {name} out",
        )
    left_out = Counter(f"in {tied[id_]} of {task.name!r}" for id_ in lost)
    return replace(
        lesson,
        examples=tuple(one for one in lesson.examples if one.id not in tied),
        dev=tuple(one for one in lesson.dev if tied.get(one.id) != "holdout"),
        left_out=dict(Counter(lesson.left_out) + left_out),
    )


def _named(task: Task, texts: Sequence[Text]) -> list[Text]:
    """Return texts whose examples are told apart from those of other tasks."""
    return [replace(text, example=f"{task.name}: {text.example}") for text in texts]


def _examples(task: Task, options: TrainOptions) -> list[Example]:
    """Return what to train on, checked to share nothing with dev or the holdout."""
    if options.data is None:
        if split_hash(task.train) != task.split_hashes["train"]:
            raise GateError(f"the train split of task {task.name!r} is not the one that was locked")
        drawn = _draw(task.train, options.limit or len(task.train), options.seed)
        return [*drawn, *_variants(replace(task, train=tuple(drawn)), options)]
    if options.variants:
        raise ConfigError(
            f"--variants {options.variants} are made of train, and --data {options.data} is trained"
            " on instead",
            hint="leave one of them out: a batch of rung repair has variants already",
        )
    rows = read_rows(options.data, Answers(task.schema))
    if other := next((split for _, split in rows if split not in (None, "train")), None):
        raise ConfigError(
            f"{options.data} has examples of {other}", hint="train on train examples only"
        )
    examples = [example for example, _ in rows]
    check_untouched(task, examples)
    return examples[: options.limit or len(examples)]


def _variants(task: Task, options: TrainOptions) -> list[Example]:
    """Return more examples of train's share; those that dev or the holdout has are left out."""
    if not options.variants:
        return []
    if not generates(task):
        raise ConfigError(
            f"task {task.name!r} has no generator, so --variants {options.variants} makes nothing",
            hint="add examples to train, or leave --variants out",
        )
    made = variants(task, each=options.variants)
    leaking = touching(task, made) if made else {}
    return [example for example in made if example.id not in leaking]


def _curated(
    task: Task, examples: Sequence[Example], options: TrainOptions
) -> tuple[list[Example], dict[str, int], dict[str, Any]]:
    """Return the examples fit to train on, how many are left out and why, and the whole report."""
    from rung.forms import compile_form
    from rung.train.curation import SIEVES, Rules, curate

    form = None if task.world else compile_form(task.schema, style=task.style)
    rules = Rules(sieves=SIEVES if options.curate else (), seed=options.seed)
    found = curate(examples, form, rules)
    return list(found.kept), found.left_out, found.report()


def _draw(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """Return `count` examples in random order; a smaller draw is the beginning of a larger."""
    return stream(seed, "train").sample(list(examples), len(examples))[:count]


def _demand_enough(
    task: Task, texts: Sequence[Any], num_examples: int, left_out: dict[str, int]
) -> None:
    num = len({text.example for text in texts})
    worst = max(left_out, key=lambda reason: left_out[reason], default="")
    if num < _UNWRITABLE_SHARE * num_examples:
        raise TrainError(
            f"only {num} of {num_examples} examples of {task.name!r} can be written: {worst}",
            hint="check that targets are what the form can write: rung show",
        )
    if num < MIN_EXAMPLES:
        raise TrainError(
            f"training on {num} examples of {task.name!r}; at least {MIN_EXAMPLES} are needed",
            hint="use them as shots: rung climb NAME --rungs form,examples",
        )
