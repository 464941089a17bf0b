from __future__ import annotations

import pytest

from rung.forms.validity import violations

DRAFTS = (
    "http://json-schema.org/draft-04/schema#",
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2020-12/schema",
)


@pytest.mark.parametrize(
    "name, good, bad",
    [
        (
            "date",
            ["2024-02-29", "0000-01-01"],
            ["2023-02-29", "2024-2-9", "2024-02-29\n", "२०२४-01-01"],
        ),
        (
            "time",
            ["23:59:60Z", "00:59:60+01:00", "12:00:00.5-00:30"],
            ["12:00:00", "12:00:60Z", "24:00:00Z", "12:00:00+24:00"],
        ),
        (
            "date-time",
            ["2024-01-01t12:00:00z"],
            ["2024-01-01 12:00:00Z", "2024-01-01", "2024-01-01T12:00Z"],
        ),
        ("duration", ["P3W", "P1Y2M3DT4H5M6S", "PT7M"], ["P", "P1DT", "P1Y1D", "P1W1D", "PT1.5S"]),
        (
            "email",
            ["a.b+c@d.example", '"a b"@d', "a@[127.0.0.1]", "a@[IPv6:::1]"],
            ["a", "a@", "a..b@d", "a b@d", "ä@d", "a@[1.2.3]", "a@-d", "a@d\n"],
        ),
        ("idn-email", ["ä@müller.example", "a@b"], ["@b", "a@ b", "ä b@c"]),
        (
            "hostname",
            ["a", "a-b.c1", "1.example", "xn--mller-kva.example"],
            ["", "a.", "a_b", "-a", "a" * 64, "müller", "xn--a", "a.b\n", ".".join(["a" * 60] * 5)],
        ),
        (
            "idn-hostname",
            ["müller.example", "a。b", "xn--mller-kva", "אב.example"],
            ["", "a.", "a..b", "a b", "ü-", "xn--a", "\u0301a", "1א", "9.אב"],
        ),
        (
            "ipv4",
            ["0.0.0.0", "10.255.1.2"],
            ["256.0.0.1", "1.2.3", "01.2.3.4", "1.2.3.4/8", "1.2.3.4 "],
        ),
        (
            "ipv6",
            ["::", "1::8", "::1.2.3.4"],
            ["1", "::1%eth0", "1:2:3:4:5:6:7:8:9", "::12345", "[::1]"],
        ),
        (
            "uri",
            [
                "a:",
                "http://u:p@h:80/p;x?q/?#f",
                "urn:a:b",
                "http://[::1]:8/",
                "mailto:a@b",
                "http://[v1.a:b]/",
            ],
            [
                "",
                "/a",
                "//h",
                "1a:b",
                "http://h/ü",
                "http://h/%2",
                "http://h:x/",
                "http://[::g]/",
                "a:[b]",
                "a:b\n",
            ],
        ),
        (
            "uri-reference",
            ["", "a/b", "//h", "?q", "#f", "./a:b"],
            ["1:b", "#a#b", "a b", "ü", "//h:x"],
        ),
        ("iri", ["http://ü.example/ä?ö=\ue000#ß"], ["/ä", "a:\ue000", "a:\ufdd0", "http://ü:x/"]),
        ("iri-reference", ["ä/ö", "//ü"], ["ä b", "ä%g0"]),
        (
            "uri-template",
            ["", "a/{b}", "{+a,b*,c:9999}", "{?a.b}", "ä", "{%41}"],
            ["{", "}", "{}", "{a", "{a:0}", "{a-b}", "a b", "{a,}", "{+}"],
        ),
        (
            "uuid",
            ["0123abcd-0123-ABCD-0123-0123456789ab"],
            ["0123abcd01234abc01230123456789ab", "{}"],
        ),
        ("json-pointer", ["", "/", "/a~0~1/0", "/ä"], ["a", "/~", "/~2", "#/a"]),
        ("relative-json-pointer", ["0", "1/a", "10#"], ["", "01", "-1", "0##", "1a", "#"]),
        ("never-heard-of", ["", "anything"], []),
    ],
)
def test_formats_are_asserted_in_every_draft(name: str, good: list[str], bad: list[str]) -> None:
    for uri in DRAFTS:
        schema = {"$schema": uri, "format": name}
        assert [text for text in good if violations(text, schema)] == []
        assert [text for text in bad if not violations(text, schema)] == []
        assert not any(violations(value, schema) for value in (5, None, [], {}, True))
