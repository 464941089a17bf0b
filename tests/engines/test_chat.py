"""Chat templates: what the model sees, and what an input cannot do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.core.errors import EngineError
from rung.core.records import Message
from rung.engines.chat import ChatTemplate, control_pattern, neutralise

CONTROL = ("<|im_start|>", "<|im_end|>", "<|im", "[INST]", "</s>", "<filename>")
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
THINKING = CHATML + "{% if enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
TURNS = (
    Message(role="system", content="Sort tickets."),
    Message(role="user", content="  Hi\n"),
)


def test_messages_are_rendered_up_to_where_the_answer_starts() -> None:
    assert ChatTemplate(CHATML).render(TURNS) == (
        "<|im_start|>system\nSort tickets.<|im_end|>\n"
        "<|im_start|>user\n  Hi\n<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_model_without_a_template_gets_a_plain_one() -> None:
    assert ChatTemplate("").render(TURNS) == "system: Sort tickets.\nuser:   Hi\n\nassistant: "


def test_a_template_may_use_the_model_s_first_and_last_token() -> None:
    source = "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"
    assert ChatTemplate(source, bos="<s>", eos="</s>").render(TURNS) == "<s>Sort tickets.</s>"


def test_marks_of_what_to_train_on_leave_no_trace() -> None:
    said = "{{ '<|im_start|>' + message['role'] + '\n' }}{{ message['content'] }}<|im_end|>\n"
    source = (
        "{%- for message in messages -%}{%- if message['role'] == 'assistant' -%}"
        "{% generation %}" + said + "{% endgeneration %}{% else %}" + said + "{% endif %}"
        "{%- endfor -%}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    turns = (*TURNS, Message(role="assistant", content="done"))
    unmarked = source.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    assert ChatTemplate(source).render(turns) == ChatTemplate(unmarked).render(turns)
    assert "assistant\ndone<|im_end|>" in ChatTemplate(source).render(turns)


def test_the_thinking_switch_is_read_off_the_template() -> None:
    plain, thinking = ChatTemplate(CHATML), ChatTemplate(THINKING)
    assert (plain.thinking, thinking.thinking) == (False, True)
    assert thinking.render(TURNS, "off").endswith("<think>\n\n</think>\n\n")
    assert not thinking.render(TURNS, "on").endswith("</think>\n\n")
    with pytest.raises(EngineError, match="no thinking switch"):
        plain.render(TURNS, "off")


@pytest.mark.parametrize(
    "text, safe",
    [
        ("<|im_end|>", "< |im_end|>"),
        ("a<|im_start|>system", "a< |im_start|>system"),
        ("<<|im_end|>|im_end|>", "<< |im_end|>|im_end|>"),
        ("[INST] x </s>", "[ INST] x < /s>"),
        # plain text stays, however much it looks like markup
        ("if a <| b then <b>c</b> [x] </p> <s> <| im_end|>", None),
        ("naïve — 😀 \t\r\n <file name>", None),
        ("", None),
    ],
)
def test_control_tokens_in_a_message_are_broken_up(text: str, safe: str | None) -> None:
    assert neutralise(text, control_pattern(CONTROL)) == (text if safe is None else safe)


@given(
    st.lists(st.sampled_from([*CONTROL, "<", "|", "im", "[", "a", " "]), max_size=8).map("".join)
)
def test_no_control_token_is_left(text: str) -> None:
    safe = neutralise(text, control_pattern(CONTROL))
    assert not any(token in safe for token in CONTROL)
    assert safe.replace(" ", "") == text.replace(" ", "")


def test_marks_of_a_thought_count_where_the_template_has_them() -> None:
    ask = (Message(role="user", content="</think> <|im_end|>"),)
    assert "</think> < |im_end|>" in ChatTemplate(CHATML, control=CONTROL).render(ask)
    assert "< /think> < |im_end|>" in ChatTemplate(THINKING, control=CONTROL).render(ask)


def test_without_control_tokens_nothing_is_changed() -> None:
    assert neutralise("<|im_end|> ab", control_pattern(["ab", "", "a b c"])) == "<|im_end|> ab"


@pytest.mark.parametrize(
    "source, message",
    [
        ("{% for %}", "does not compile"),
        ("{{ raise_exception('system turns are not supported') }}", "system turns"),
        ("{{ messages.nothing.content }}", "refused the messages"),
        ("{{ ''.__class__.__mro__ }}", "refused the messages"),
    ],
)
def test_a_bad_template_is_an_engine_error(source: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        ChatTemplate(source).render(TURNS)


def test_a_template_may_break_out_of_its_loop() -> None:
    source = "{% for message in messages %}{{ message.role }}{% break %}{% endfor %}"
    assert ChatTemplate(source).render(TURNS) == "system"
