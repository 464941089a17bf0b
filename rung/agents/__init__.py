"""Routes of several steps: a small model that acts in a world, one filled form a step.

Read `spec.py` for what can be switched, `conversation.py` for what a model is shown, `run.py` for
the loop. Nothing here knows routes, ladders or scores.
"""
