"""The oracle: look-ups and writes that solve a query from what can be seen.

The published answers hold only writes. Here each of the 69 templates has a function that reads the
query, looks up what it needs and then writes, so that an agent can be taught every step. Templates
are known by file and number (`calendar-t07`). Where a published answer does not follow from its
query, the look-ups are kept and the published writes take the place of the deduced ones.
"""

from __future__ import annotations

from rung.worlds.workbench.oracle.solve import Office, Solution, deduce, solve

__all__ = ["Office", "Solution", "deduce", "solve"]
