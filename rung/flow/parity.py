"""Check that an adapter serves as it trained, and keep the report: promotion asks for it.

Takes in a folder first if the adapter is one. What is compared is decided in `train/parity.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.core.errors import ConfigError, EngineError, StoreError
from rung.core.records import Message
from rung.engines.adapters import adapter_for, read_adapter
from rung.engines.bound import BoundEngine
from rung.engines.catalogue import DEFAULT_MODEL
from rung.engines.models import pull
from rung.engines.open import open_engine
from rung.forms import Form, answer_json, compile_form, parse_answer
from rung.registry import record_parity
from rung.routes.prompt import build_messages
from rung.store import Artifacts, Store
from rung.tasks.task import Task
from rung.train.packages import demand_packages
from rung.worlds.catalog import load

if TYPE_CHECKING:  # needs the `train` extra
    from rung.engines.in_process import InProcessEngine
    from rung.train.parity import Parity, Sides
    from rung.train.parity_outputs import Outputs
    from rung.train.parity_tokens import Probe

NUM_PROBES = 16
_TALK = (
    ("Where is my order?", "It left the warehouse on Monday."),
    ("I was charged twice for one coffee.", "Sorry about that. The second charge is refunded."),
    ("Write a number between one and ten.", "Seven"),
    ('Answer as JSON: is "cat" an animal?', '{"animal": true}'),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A parity report and what it is about."""

    adapter: str
    model: str
    task: str
    parity: Parity
    outputs: Outputs | None
    """Whole answers to dev examples, where a task with a form was given."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        about = {"adapter": self.adapter, "model": self.model, "task": self.task}
        outputs = asdict(self.outputs) if self.outputs else None
        return {**about, **self.parity.to_json(), "outputs": outputs}


def check(
    adapter: str, *, model: str = "", task: str | Task = "", limit: int = 0, merged: bool = True
) -> Checked:
    """Check an adapter (its name, the start of it, or a PEFT folder) on its base model.

    Probes are those in the adapter's lineage, dev examples of the task it was trained on as its
    training writes them, or dev examples of `task`: `limit` of them.
    """
    demand_packages("parity")
    from rung.train.parity import check_parity

    artifacts = Artifacts()
    name, base_name, base = _locate(adapter, model, artifacts)
    lineage = adapter_for(name, base, artifacts).lineage
    named = load(task) if isinstance(task, str) and task else task or None
    probed = named if isinstance(named, Task) else None
    probes = _probes(lineage, base, probed, limit or NUM_PROBES)
    with _sides(name, base, artifacts) as sides:
        parity = check_parity(sides, probes, merged=merged)
        outputs = _outputs(sides, lineage, probed, limit or NUM_PROBES)
    store = Store()
    try:
        record_parity(store, name, parity.to_json())
    finally:
        store.close()
    return Checked(
        adapter=name,
        model=base_name,
        task=probed.name if probed else "",
        parity=parity,
        outputs=outputs,
    )


def _locate(adapter: str, model: str, artifacts: Artifacts) -> tuple[str, str, Path]:
    """Return the adapter's name, its base and the base's file; takes in a folder."""
    from rung.train.export import lineage_of, take_in

    folder = Path(adapter).expanduser()
    if folder.is_dir():
        base_name = model or str(lineage_of(folder).get("base") or DEFAULT_MODEL)
        base = _base_of(base_name)
        return take_in(folder, base, artifacts), base_name, base
    try:
        name = artifacts.find(adapter)
    except StoreError as error:
        raise ConfigError(
            f"{adapter!r} is no adapter: there is no such folder, and {error.message}",
            hint="give a folder saved by PEFT, or a name that rung parity printed",
        ) from None
    base_name = model or str(read_adapter(name, artifacts).lineage.get("base") or DEFAULT_MODEL)
    return name, base_name, _base_of(base_name)


def _base_of(model: str) -> Path:
    """Return the file or folder of a model, pulled where it is not here."""
    if model.startswith("transformers:"):
        return Path(model.removeprefix("transformers:")).expanduser()
    return pull(model).path


@contextmanager
def _sides(name: str, base: Path, artifacts: Artifacts) -> Iterator[Sides]:
    """Open what trains and what serves, with the adapter as each of them has it."""
    from rung.train.export import file_deltas, read_gguf
    from rung.train.export_names import read_base
    from rung.train.export_read import read_stored
    from rung.train.parity import Sides

    found = adapter_for(name, base, artifacts)
    if base.is_dir():
        with closing(_open(f"transformers:{base}")) as engine:
            yield Sides(
                trainer=engine,
                server=engine,
                adapter=name,
                base=None,
                expected={},
                exported={},
                open_model=_open_file,
            )
        return
    known = read_base(base)
    stored = read_stored(artifacts.get(found.config), artifacts.get(found.weights))
    with (
        closing(_open(str(base))) as server,
        closing(_open(f"transformers:{base}")) as trainer,
    ):
        yield Sides(
            trainer=trainer,
            server=server,
            adapter=name,
            base=known,
            expected=file_deltas(stored, known),
            exported=read_gguf(artifacts.get(found.gguf)),
            open_model=_open_file,
        )


def _open_file(path: Path) -> InProcessEngine:
    return _open(str(path))


def _open(model: str) -> InProcessEngine:
    from rung.engines.in_process import InProcessEngine

    engine = open_engine(model)
    if isinstance(engine, InProcessEngine):
        return engine
    engine.close()
    raise EngineError(
        f"parity needs {model} in this process, not in a server",
        hint="rung doctor says why llama.cpp cannot be loaded",
    )


def _probes(lineage: Mapping[str, Any], base: Path, task: Task | None, limit: int) -> list[Probe]:
    from rung.train.parity_tokens import Probe

    recorded = [Probe.from_json(row) for row in lineage.get("probes", ())]
    if recorded and task is None:
        return recorded[:limit]
    name = task.name if task else str(lineage.get("task", ""))
    if name and name == lineage.get("task") and lineage.get("style"):
        return _as_trained(lineage, base, task or load(name), limit)
    if task is not None:
        return recorded[:limit] + _from_task(task, limit)
    return [
        Probe(messages=(Message(role="user", content=ask),), answer=answer) for ask, answer in _TALK
    ]


def _as_trained(lineage: Mapping[str, Any], base: Path, task: Task, limit: int) -> list[Probe]:
    """Return dev examples as the adapter's own training writes them."""
    from rung.train.probes import write_probes
    from rung.train.texts import Style
    from rung.train.write import Writer

    with Writer(task, base, Style(**lineage["style"])) as writer:
        return write_probes(writer, task.dev[:limit])


def _from_task(task: Task, limit: int) -> list[Probe]:
    """Return dev examples as a route would ask them; how the adapter was trained is not known."""
    from rung.train.parity_tokens import Probe, value_spans

    if task.world:
        raise ConfigError(
            f"task {task.name!r} acts in a world, and how this adapter was trained is not known",
            hint="leave out --task",
        )
    form = compile_form(task.schema, style=task.style)
    probes = []
    for example in task.dev[:limit]:
        answer = answer_json(form, example.target)
        probes.append(
            Probe(
                messages=build_messages(task.instruction, form, example.input),
                answer=answer,
                values=value_spans(answer, parse_answer(answer, form) or example.target),
            )
        )
    return probes


def _outputs(
    sides: Sides, lineage: Mapping[str, Any], task: Task | None, limit: int
) -> Outputs | None:
    """Let both sides answer dev examples of a task with a form."""
    from rung.train.parity_outputs import compare_outputs

    if task is None or task.world:
        return None
    form: Form = compile_form(task.schema, style=task.style)
    bare = lineage.get("style", {}).get("prompt") == "bare"
    return compare_outputs(
        BoundEngine(sides.trainer, sides.adapter),
        BoundEngine(sides.server, sides.adapter),
        task,
        form,
        [
            (example, build_messages(task.instruction, form, example.input, bare=bare))
            for example in task.dev[:limit]
        ],
    )
