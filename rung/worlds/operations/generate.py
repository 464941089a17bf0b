"""Write examples of the workflows, in three splits.

Names, ids, wordings, rules and phrases are dealt to the splits by hand (`entities.toml`, the TOML
files of the workflows), whatever the seed: train never saw a word of the holdout. Every round holds
each workflow once, in another order, so every prefix has nearly the same mix. A group is a workflow
within one split. The same arguments give the same examples; another seed gives others, any number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from rung.core.records import SPLITS, Split
from rung.core.seeds import stream
from rung.tasks.task import Example
from rung.worlds.deal import write_splits
from rung.worlds.operations.apps import APPS, TOOLS
from rung.worlds.operations.case import Workflow
from rung.worlds.operations.desk import Desk
from rung.worlds.operations.texts import chatter
from rung.worlds.operations.workflows import KNOWN, UNSEEN, wordings_of

Splits = dict[Split, list[Example]]
Flows = Mapping[Split, Sequence[Workflow]]
NUM_OTHER_APPS = 2
"""Apps that an example offers although its workflow needs none of them."""
P_BEFORE, P_AFTER = 0.4, 0.4


def generate(
    *, num_train: int = 600, num_dev: int = 90, num_holdout: int = 30, seed: int = 0
) -> Splits:
    """Return the examples of each split; the holdout has each of the 30 workflows once.

    Raises ConfigError when a size is negative.
    """
    write = partial(_write, dict.fromkeys(SPLITS, KNOWN), "op", seed)
    return write_splits(num_train, num_dev, num_holdout, write)


def generate_unseen(
    *, num_train: int = 600, num_dev: int = 90, num_holdout: int = 24, seed: int = 0
) -> Splits:
    """Return train and dev examples of the known workflows, and a holdout of unseen, harder ones.

    Raises ConfigError when a size is negative.
    """
    flows: Flows = {"train": KNOWN, "dev": KNOWN, "holdout": UNSEEN}
    return write_splits(num_train, num_dev, num_holdout, partial(_write, flows, "oo", seed))


def write_example(workflow: Workflow, split: Split, id: str, *names: object) -> Example:
    """Return one example; equal arguments give equal examples.

    `names` are what its random stream is called: the seed first, then anything.
    """
    random = stream(0, "operations", split, workflow.name, *names)
    words = wordings_of(workflow)
    desk = Desk(split, words, random)
    case = workflow.draw(desk)
    request = random.choice(words.of("ask", split)).format(**case.facts)
    writes = [step for step in case.steps if TOOLS[step.call.tool].tool.writes]
    return Example(
        id=id,
        input=_around(request, split, desk),
        target={"calls": [step.call.to_json() for step in writes]},
        group=f"{split}/{workflow.name}",
        setup={
            "workflow": workflow.name,
            "category": workflow.category,
            "today": desk.today.isoformat(),
            "desk": desk.firm,
            "apps": _apps(workflow, desk),
            "tables": {table: desk.shuffled(rows) for table, rows in desk.tables.items()},
            "literals": [_plain(step.says) for step in writes],
            "never": [
                {
                    "name": rule.name,
                    "tool": rule.tool,
                    "arguments": dict(rule.arguments),
                    "literals": _plain(rule.says),
                }
                for rule in case.never
            ],
            "oracle": [step.call.to_json() for step in case.steps],
        },
    )


def _write(
    flows: Flows, prefix: str, seed: int, split: Split, size: int, start: int
) -> list[Example]:
    order = stream(seed, prefix, split, "order")
    chosen: list[tuple[Workflow, int]] = []
    while len(chosen) < size:
        turn = len(chosen) // len(flows[split])
        chosen += [(flow, turn) for flow in order.sample(flows[split], len(flows[split]))]
    return [
        write_example(flow, split, f"{prefix}-{start + at:06d}", seed, turn)
        for at, (flow, turn) in enumerate(chosen[:size])
    ]


def _around(request: str, split: Split, desk: Desk) -> str:
    """Return the request as somebody writes it."""
    words = chatter(split)
    request = request[0].upper() + request[1:]
    before = desk.choose(*words["before"]) if desk.random.random() < P_BEFORE else ""
    after = desk.choose(*words["after"]) if desk.random.random() < P_AFTER else ""
    return "\n".join(part for part in (before, request, after) if part)


def _apps(workflow: Workflow, desk: Desk) -> list[str]:
    """Return the apps that an example offers: those of its workflow and some of no use."""
    others = desk.random.sample([app for app in APPS if app not in workflow.apps], NUM_OTHER_APPS)
    return [app for app in APPS if app in (*workflow.apps, *others)]


def _plain(literals: Any) -> dict[str, list[str]]:
    return {name: list(parts) for name, parts in literals.items()}
