"""JSON Schema or pydantic model to form; fill it with a model; read free answers back.

The seam is `compile_form` and `fill`: everything a form needs from an engine goes through
`Engine.complete`, so other ways to fill (parallel slots, other engines) change only `fill.py`.
"""

from rung.forms.fill import answer_json, content_free_priors, fill
from rung.forms.form import Choice, Const, Decision, Filled, Form, Object, Value
from rung.forms.parse import parse_answer
from rung.forms.schema import compile_form, schema_of
from rung.forms.validity import violation

__all__ = [
    "Choice", "Const", "Decision", "Filled", "Form", "Object", "Value", "answer_json",
    "compile_form", "content_free_priors", "fill", "parse_answer", "schema_of", "violation",
]  # fmt: skip
