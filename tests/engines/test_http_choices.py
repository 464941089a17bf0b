"""Choices over HTTP: few tokens first, all of them where those leave it open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openai_server import Reply, chat
from rung.core.errors import EngineError
from rung.core.records import Message, Usage
from rung.engines.base import Request


def cut(text: str) -> Reply:
    message = {"role": "assistant", "content": text}
    return Reply(data=chat(choices=[{"message": message, "finish_reason": "length"}]))


LABELS = ("card_arrival", "card_linking")
LABELLED = Request(
    messages=(Message(role="user", content="Where is my parcel?"),), choices=LABELS, max_tokens=8
)


def test_few_tokens_that_name_a_choice_are_enough(server, engine_at):
    server.script = [cut("card_a")]
    done = engine_at(server="vllm").complete(LABELLED)
    assert (done.text, done.finish_reason) == ("card_arrival", "choice")
    assert [post["json"]["max_tokens"] for post in server.posts] == [4]


@pytest.mark.parametrize("open_text", ["card_", ""])
def test_a_choice_left_open_is_asked_again_in_full_and_both_count(server, engine_at, open_text):
    server.script = [cut(open_text), Reply(data=chat("card_linking"))]
    done = engine_at(server="vllm").complete(LABELLED)
    assert (done.text, done.finish_reason) == ("card_linking", "choice")
    assert [post["json"]["max_tokens"] for post in server.posts] == [4, 28]
    assert done.usage == Usage(prompt_tokens=8, cached_tokens=16, output_tokens=6)


def test_a_choice_that_stays_open_is_an_error(server, engine_at):
    server.script = [cut("card_"), cut("card_")]
    with pytest.raises(EngineError, match="none of the 2 allowed choices"):
        engine_at(server="vllm").complete(LABELLED)
    assert len(server.posts) == 2


def test_both_questions_share_the_time_of_one(server, engine_at):
    slow = cut("card_")
    server.script = [replace(slow, delay_s=0.2), replace(slow, delay_s=5.0)]
    with pytest.raises(EngineError, match=r"no answer within 0\.[012]\d* s"):
        engine_at(server="vllm", max_retries=0).complete(replace(LABELLED, timeout_s=0.4))


def test_hosted_models_are_asked_in_full_at_once(server, engine_at):
    server.script = [Reply(data=chat('{"choice": "card_linking"}'))]
    assert engine_at().complete(LABELLED).text == "card_linking"
    assert [post["json"]["max_tokens"] for post in server.posts] == [28]
