"""The bundled `workbench` task: office queries over five sandboxes, judged by what they change.

WorkBench (Styles et al. 2024, MIT): 690 queries, 26 tools, recorded runs of five models. The data
set is read from a folder of the user's and is not part of this package; sandboxes, metric and
oracle are. `world.py` is the world, `published.py` reads the data set, `generate.py` makes tasks.
"""

from __future__ import annotations

from rung.worlds.workbench.contract import SCHEMA, task_fields
from rung.worlds.workbench.generate import furnish, generate, generate_by_template
from rung.worlds.workbench.published import is_data_set
from rung.worlds.workbench.world import WorkBench

__all__ = [
    "SCHEMA",
    "WorkBench",
    "furnish",
    "generate",
    "generate_by_template",
    "is_data_set",
    "task_fields",
]
