"""The rungs, one file each, and the climb that measures them on dev.

`plan.LADDER` is the whole list, `agent.AGENT_LADDER` that of tasks with a world. The holdout is not
reachable from here: `gate/` opens it.
"""
