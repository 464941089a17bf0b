"""Typing errors damage plain words and nothing that a field could depend on."""

from __future__ import annotations

import re
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from rung.worlds import noise


@given(st.text(max_size=80), st.integers(0, 2**32), st.integers(0, 5))
def test_slips_spare_names_numbers_and_spaces(text: str, seed: int, count: int) -> None:
    slipped = noise.slip(text, Random(seed), count=count)
    before, after = text.split(), slipped.split()
    assert len(before) == len(after)
    for word, typed in zip(before, after, strict=True):
        if word != typed:
            assert re.search("[a-z]{4}", word)
            assert re.sub("[a-z]", "", word) == re.sub("[a-z]", "", typed)


def test_slips_happen() -> None:
    text = "please repair the printer LT-40213 before Monday"
    assert noise.slip(text, Random(1), count=3) != text
    assert noise.slip("ORA-01400 LT-1 McX INC-5", Random(1), count=3) == "ORA-01400 LT-1 McX INC-5"
