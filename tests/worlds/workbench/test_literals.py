"""Published calls are parsed, never evaluated; what is no call is skipped."""

from __future__ import annotations

import pytest

from rung.worlds.workbench.literals import parse_call, parse_calls
from rung.worlds.world import Call


@pytest.mark.parametrize(
    "text, arguments",
    [
        ('email.send_email.func(recipient="a@b.c", body="x")', {"recipient": "a@b.c", "body": "x"}),
        ('email.send_email.func(body="one\ntwo")', {"body": "one\ntwo"}),  # as recorded runs do
        (r'email.send_email.func(body="one\ntwo")', {"body": "one\ntwo"}),  # as answers do
        (r'email.send_email.func(body="50\% off")', {"body": r"50\% off"}),  # not an escape
        ("email.send_email.func()", {}),
        ('  email.send_email.func(body="it\'s")', {"body": "it's"}),
    ],
)
def test_calls_are_read(text: str, arguments: dict[str, str]) -> None:
    assert parse_call(text) == Call(tool="email.send_email", arguments=arguments)


@pytest.mark.parametrize(
    "text",
    [
        'email.send_email.func(body="say "no" to it")',  # quotes within quotes
        'email.send_email.func("a@b.c")',  # no name
        "email.send_email.func(**things)",
        "email.send_email.func(body=open)",  # not a literal
        'email.send_email.func(body=print("x"))',
        'email.send_email(body="x")',  # not as the data set writes calls
        "__import__('os').getcwd()",
        "1 + 1",
        "",
        "(" * 500,
    ],
)
def test_anything_else_is_no_call(text: str) -> None:
    assert parse_call(text) is None


def test_a_list_of_calls_keeps_what_could_not_be_read() -> None:
    calls, unread = parse_calls("""['a.b.func(x="1")', 'a.b.func(x=)']""")
    assert calls == [Call(tool="a.b", arguments={"x": "1"})]
    assert unread == ["a.b.func(x=)"]
    with pytest.raises(ValueError, match="not a list of texts"):
        parse_calls("{'a': 1}")
