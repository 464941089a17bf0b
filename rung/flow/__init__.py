"""The stages in sequence: what the commands and `import rung` call.

A flow reads top to bottom as one pass through the product and leaves printing to its caller. This
package stands above every stage because a climb ends at the gate and the registry, which the
ladder itself must not import. It decides nothing: every decision belongs to the stage it calls.
"""

from rung.flow.ask import Input, ask, example_text
from rung.flow.climb import Options, climb, plan
from rung.flow.decide import gate, promote
from rung.flow.make import init
from rung.flow.run import run_route
from rung.routes.asked import Asked
from rung.worlds.catalog import load

__all__ = [
    "Asked",
    "Input",
    "Options",
    "ask",
    "climb",
    "example_text",
    "gate",
    "init",
    "load",
    "plan",
    "promote",
    "run_route",
]
