import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.core.errors import TaskError
from rung.core.hashing import canonical_json
from rung.tasks.lines import parse_json, read_lines


def test_bom_and_crlf_are_tolerated(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo")
    assert list(read_lines(path)) == [(1, "one\r\n"), (2, "two")]


def test_gz_is_unpacked(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress("ä\nb\n".encode()))
    assert [line for _, line in read_lines(path)] == ["ä\n", "b\n"]


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.txt", b"ok\nna\xefve\n", "line 2: byte 0xef is not UTF-8"),
        ("a.csv", b"PK\x03\x04zip", "a zip or Excel file"),
        ("a.csv", "text".encode("utf-16"), "UTF-16"),
        ("a.gz", b"not gzip", "not a whole gzip file"),
        ("a.gz", gzip.compress(b"x" * 100, mtime=0)[:-12], "not a whole gzip file"),
    ],
)
def test_unreadable_files_say_why(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TaskError, match=message):
        list(read_lines(path))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(TaskError, match="no such file"):
        list(read_lines(tmp_path / "none"))
    with pytest.raises(TaskError, match="it is a folder"):
        list(read_lines(tmp_path))


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"a": NaN}', "NaN is not a JSON number"),
        ("[-Infinity]", "-Infinity is not a JSON number"),
        ("1e999", "too large"),
        ('"\\ud800"', "half of a surrogate pair"),
        ("[" * 100_000, "not JSON"),
        ("{'a': 1}", "column 2"),
        ("", "not JSON"),
        ('{"b": [{"a": 1, "c": 2, "a": 1}]}', "the key 'a' stands twice in one object"),
    ],
)
def test_what_json_does_not_have_is_refused(text, message):
    with pytest.raises(TaskError, match=message) as caught:
        parse_json(text, "line 7")
    assert str(caught.value).startswith("line 7: ")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\\u"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(json_values)
def test_parsed_values_survive_hashing(value):
    text = canonical_json(value)
    assert canonical_json(parse_json(text, "here")) == text
