"""The `format` words of JSON Schema as checks of text: one set for every draft, always asserted.

Each check follows the grammar of the RFC that the specification names (3339 times and durations,
5321 and 6531 mail, 1123 and 5890 host names, 3986 and 3987 addresses, 6570 templates, 6901
pointers, 4122 identifiers). An unknown format allows everything, and so does any value that is not
text. Nothing is looked up: a well-formed host need not exist. A relative pointer is one without
index manipulation.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from calendar import monthrange
from collections.abc import Callable
from typing import Any

import idna
from jsonschema import FormatChecker

from rung.forms.ecma import is_pattern

Check = Callable[[str], bool]

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_CLOCK = r"T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
_DAYS = r"(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"
_LABEL = r"[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?"
_WIDE = "[0-9A-Za-z\x80-\U0010ffff](?:[0-9A-Za-z\x80-\U0010ffff-]*[0-9A-Za-z\x80-\U0010ffff])?"
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
_PERCENT = "%[0-9A-Fa-f]{2}"
_SUB_DELIMS = r"!$&'()*+,;="
_PLANES = "".join(f"{chr(n << 16)}-{chr((n << 16) + 0xFFFD)}" for n in range(1, 14))
_UCS = f"\xa0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef{_PLANES}\U000e1000-\U000efffd"
_PRIVATE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
_NAME = f"(?:[0-9A-Za-z_]|{_PERCENT})+"
_VARIABLE = rf"{_NAME}(?:\.{_NAME})*(?::[1-9][0-9]{{0,3}}|\*)?"


def _shape(expression: str) -> Check:
    """Return the check of an expression, which is compiled, and kept by `re`, at its first use."""
    return lambda text: re.fullmatch(expression, text) is not None


def _date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if not found:
        return False
    year, month, day = map(int, found.groups())
    return 1 <= month <= 12 and 1 <= day <= monthrange(year or 2000, month)[1]


def _time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    if not found:
        return False
    hour, minute, second = (int(part) for part in found.group(1, 2, 3))
    hours, minutes = int(found[5] or 0), int(found[6] or 0)
    if hour > 23 or minute > 59 or hours > 23 or minutes > 59:
        return False
    offset = (hours * 60 + minutes) * (-1 if found[4] == "-" else 1)
    last = (hour * 60 + minute - offset) % 1440 == 1439
    return second < 60 or (second == 60 and last)


def _date_time(text: str) -> bool:
    return text[10:11] in ("T", "t") and _date(text[:10]) and _time(text[11:])


def _ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _ipv6(text: str) -> bool:
    try:
        return not ipaddress.IPv6Address(text).scope_id
    except ValueError:
        return False


_is_ascii_name = _shape(rf"(?!.{{254}}){_LABEL}(?:\.{_LABEL})*")


def _hostname(text: str) -> bool:
    has_encoded = any(label.startswith("xn--") for label in text.lower().split("."))
    return _is_ascii_name(text) and (not has_encoded or _idn_hostname(text))


def _idn_hostname(text: str) -> bool:
    try:
        labels = [idna.ulabel(label) for label in _DOTS.split(text)]
        encoded = [idna.alabel(label).decode() for label in labels]
        if any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in "".join(labels)):
            for label in labels:
                idna.check_bidi(label, check_ltr=True)
    except UnicodeError:
        return False
    given = zip(_DOTS.split(text.lower()), encoded, strict=True)
    canonical = all(label == code for label, code in given if label.startswith("xn--"))
    return canonical and len(".".join(encoded)) <= 253


def _mail(letters: str, domain: str) -> Check:
    """Return the check of a mailbox whose local part may hold `letters` besides ASCII."""
    atom = rf"[0-9A-Za-z!#$%&'*+/=?^_`{{|}}~{letters}-]+"
    quoted = rf'"(?:[ !#-\[\]-~{letters}]|\\[ -~])*"'
    mailbox = rf"(?:{atom}(?:\.{atom})*|{quoted})@(?:\[(.+)\]|{domain}(?:\.{domain})*)"

    def check(text: str) -> bool:
        found = re.fullmatch(mailbox, text)
        if not found or found[1] is None:
            return found is not None
        literal = found[1]
        is_six = literal[:5].lower() == "ipv6:"
        return _ipv6(literal[5:]) if is_six else _ipv4(literal)

    return check


def _address(letters: str, private: str) -> tuple[Check, Check]:
    """Return the checks of an absolute address and of a reference, with `letters` besides ASCII."""
    plain = rf"\-0-9A-Za-z._~{letters}{_SUB_DELIMS}"
    char = f"(?:[{plain}:@]|{_PERCENT})"
    rest = f"(?:/{char}*)*"
    host = rf"(?:\[(?:([0-9A-Fa-f:.]+)|[Vv][0-9A-Fa-f]+\.[{plain}:]+)\]|(?:[{plain}]|{_PERCENT})*)"
    network = f"//(?:(?:[{plain}:]|{_PERCENT})*@)?{host}(?::[0-9]*)?{rest}"
    rooted = f"/(?:{char}+{rest})?"
    query = rf"(?:\?(?:{char}|[/?{private}])*)?(?:#(?:{char}|[/?])*)?"
    absolute = f"[A-Za-z][0-9A-Za-z+.-]*:(?:{network}|{rooted}|{char}+{rest}|){query}"
    first = f"(?:[{plain}@]|{_PERCENT})+"
    relative = f"(?:{network}|{rooted}|{first}{rest}|){query}"
    return _with_ipv6(absolute), _with_ipv6(f"(?:{absolute}|{relative})")


def _with_ipv6(expression: str) -> Check:
    def check(text: str) -> bool:
        found = re.fullmatch(expression, text)
        return found is not None and all(_ipv6(ip) for ip in found.groups() if ip is not None)

    return check


_uri, _uri_reference = _address("", "")
_iri, _iri_reference = _address(_UCS, _PRIVATE)
_POINTER = r"(?:/(?:[^~/]|~[01])*)*"
_LITERAL = rf"[!#$&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~{_UCS}{_PRIVATE}]|{_PERCENT}"

CHECKS: dict[str, Check] = {
    "date": _date,
    "time": _time,
    "date-time": _date_time,
    "duration": _shape(rf"P(?:[0-9]+W|{_DAYS}(?:{_CLOCK})?|{_CLOCK})"),
    "email": _mail("", _LABEL),
    "idn-email": _mail("\x80-\U0010ffff", _WIDE),
    "hostname": _hostname,
    "idn-hostname": _idn_hostname,
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "uri": _uri,
    "uri-reference": _uri_reference,
    "iri": _iri,
    "iri-reference": _iri_reference,
    "uuid": _shape("[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
    "uri-template": _shape(rf"(?:{_LITERAL}|\{{[+#./;?&=,!@|]?{_VARIABLE}(?:,{_VARIABLE})*\}})*"),
    "json-pointer": _shape(_POINTER),
    "relative-json-pointer": _shape(f"(?:0|[1-9][0-9]*)(?:#|{_POINTER})"),
    "regex": lambda text: is_pattern(text, strict=True),
}


def checker(checks: dict[str, Check]) -> FormatChecker:
    """Return a `jsonschema` checker of these formats and no others."""
    found = FormatChecker(formats=())
    for name, check in checks.items():
        found.checks(name)(_of_text(check))
    return found


def _of_text(check: Check) -> Callable[[Any], bool]:
    return lambda value: not isinstance(value, str) or check(value)


FORMATS = checker(CHECKS)
