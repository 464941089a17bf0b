"""JSON Schema or pydantic model to form; fill it with a model; read free answers back.

Everything a form needs from an engine goes through `Engine.complete` or, token by token, through
`TokenModel`. Read `form.py` for what a form is, `walk.py` for how one is written.
"""

from rung.forms.decisions import Calibration
from rung.forms.describe import describe_fields
from rung.forms.fill import Filling, content_free_priors, fill, fill_many
from rung.forms.find import find, is_findable
from rung.forms.form import Choice, Const, Decision, Filled, Form, Object, Value
from rung.forms.parse import parse_answer
from rung.forms.render import answer_json
from rung.forms.schema import compile_form, schema_of
from rung.forms.validity import violation

__all__ = [
    "Calibration", "Choice", "Const", "Decision", "Filled", "Filling", "Form", "Object", "Value",
    "answer_json", "compile_form", "content_free_priors", "describe_fields", "fill",
    "fill_many", "find", "is_findable", "parse_answer", "schema_of", "violation",
]  # fmt: skip
