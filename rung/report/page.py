"""One self-contained HTML page: its style inlined, nothing asked of the network, written whole.

The content security policy allows only the page's own style sheet, by hash. Every value is escaped
unless it is `Markup`. What a page shows is in `html.py` and `repairs.py`.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from rung.core.errors import StoreError, reason_of
from rung.report import format as fmt


def render_page(template: str, **values: Any) -> str:
    """Return the page of a template of `rung/report/templates`."""
    templates = files("rung.report").joinpath("templates")
    css = templates.joinpath("report.css").read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["plain"] = fmt.plain
    environment.filters["breakable"] = _breakable
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    return environment.from_string(templates.joinpath(template).read_text("utf-8")).render(
        css=Markup(css),
        css_hash=base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
        **values,
    )


def check_place(path: Path) -> None:
    """Raise StoreError when a page cannot be written, its folder missing or its place a folder."""
    if path.is_dir():
        raise StoreError(
            f"writing the report {str(path)!r}: it is a folder",
            hint=f"--html {path / 'report.html'}",
        )
    if not path.parent.is_dir():
        raise StoreError(
            f"writing the report {str(path)!r}: there is no folder {str(path.parent)!r}",
            hint=f"mkdir -p {path.parent}",
        )


def write_page(path: Path, text: str) -> Path:
    """Write a page, all of it or nothing, and return its path; raises StoreError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreError(
            f"writing the report {str(path)!r}: {reason_of(error)}",
            hint="name a file in a folder you may write to, with --html FILE",
        ) from error
    return path


def _breakable(name: str) -> Markup:
    """Escape a route name and allow line breaks between its pieces."""
    return Markup("<wbr>").join(fmt.pieces(fmt.plain(name)))
