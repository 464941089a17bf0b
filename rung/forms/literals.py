"""Regular expressions of JSON literals: text and dates; numbers are in `numerals.py`.

Every expression describes whole literals and uses only what llguidance, Rust `regex` and Python
`re` read alike: no anchors, look-around, references or Unicode classes. Whatever
they let through is checked after it was generated.
"""

from __future__ import annotations

CHARACTER = r'(?:[^"\\\x00-\x1f\x7f]|\\["\\nt])'
"""One character of a JSON string: itself, or one of four escapes."""

_META = set(r"\.^$|?*+()[]{}")
_DAYS = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_LEAP = r"(?:[12][0-9](?:0[48]|[2468][048]|[13579][26])|(?:1[26]|2[048])00)-02-29"
_DATE = f"(?:[12][0-9]{{3}}-{_DAYS}|{_LEAP})"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = rf"{_CLOCK}:[0-5][0-9](?:\.[0-9]{{1,6}})?(?:Z|[+-]{_CLOCK})"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HEX = "[0-9a-f]"

FORMATS = {
    "date": (f'"{_DATE}"', "date as YYYY-MM-DD"),
    "time": (f'"{_TIME}"', "time as HH:MM:SSZ"),
    "date-time": (f'"{_DATE}T{_TIME}"', "time as YYYY-MM-DDTHH:MM:SSZ"),
    "email": (f'"[A-Za-z0-9._%+-]{{1,64}}@{_LABEL}(?:\\.{_LABEL}){{1,4}}"', "email address"),
    "uuid": (f'"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"', "UUID"),
}
"""Expression and hint of each string format a form can force."""


def quote(text: str) -> str:
    """Return an expression that matches exactly `text`."""
    return "".join("\\" + char if char in _META else char for char in text)
