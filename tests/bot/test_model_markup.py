"""A model's thoughts, marks and calls of tools are not text; ordinary text passes at once."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model_markup import ModelMarkup


def passed(*pieces: str) -> str:
    markup = ModelMarkup()
    return "".join([*map(markup.feed, pieces), markup.flush()])


INSIDE = [
    ("<think>\nI must be secretive.\n</think>\n\nWe open at nine.", "We open at nine."),
    ("<thinking>a <b> c</thinking>We open.", "We open."),
    ("[THINK]hm[/THINK]We open.", "We open."),
    ("\u25c1think\u25b7hm\u25c1/think\u25b7We open.", "We open."),
    ("<|begin_of_thought|>hm<|end_of_thought|>We open.", "We open."),
    ("<|START_THINKING|>x<|END_THINKING|><|START_RESPONSE|>We open.<|END_RESPONSE|>", "We open."),
    ("<|channel>thought\nHm<channel|>We open.<turn|>", "We open."),
    (
        "<|channel|>analysis<|message|>We must<|end|><|start|>assistant<|channel|>final<|message|>We open.<|return|>",
        "We open.",
    ),
    ('<|channel|>commentary to=functions.x <|constrain|>json<|message|>{"a": 1}<|call|>We open.', "We open."),
    ("analysisWe must greet.assistantfinalWe open.", "We open."),
    ("<think>never closed", ""),
    ("We open.<|im_end|>", "We open."),
    ("</s>We open.</s>", "We open."),
    ("We open.<\uff5cend\u2581of\u2581sentence\uff5c>", "We open."),
    ("<|start_header_id|>assistant<|end_header_id|>\n\nWe open.<|eot_id|>", "We open."),
    ("<start_of_turn>model\nWe open.<end_of_turn>", "We open."),
    ("We open.<|im_end|>\n<|im_start|>user\nWhen?<|im_end|>\n<|im_start|>assistant\nAt nine.", "We open. At nine."),
    ("<|user|>\nWhen?<|assistant|>\nWe open.", "We open."),
    ("[INST] When? [/INST]We open.", "We open."),
    ('<tool_call>{"name": "x", "arguments": {}}</tool_call>We open.', "We open."),
    ("<tool_call>\n<function=x>\n</function>\n</tool_call>We open.", "We open."),
    ('<invoke name="x"><parameter name="y">z</parameter></invoke>We open.', "We open."),
    ('<function=get>{"city": "Paris"}</function>We open.', "We open."),
    ("<|python_tag|>get.call(x)<|eom_id|>We open.", "We open."),
    ("<\uff5ctool\u2581calls\u2581begin\uff5c>abc<\uff5ctool\u2581calls\u2581end\uff5c>We open.", "We open."),
    ("<|tool_call>call:x{}<tool_call|>We open.", "We open."),
    ('We open.[TOOL_CALLS][{"name": 1}]', "We open."),
    ('{"name": "get", "arguments": {"a": "}\\"{"}} We open.', "We open."),
    ('[{"name": "get", "arguments": {}}] We open.', "We open."),
    ('{"a": "never closed', ""),
    ('```json\n{"name": "get", "arguments": {}}\n```\nWe open.', "We open."),
    ("```tool_code\nprint(get())\n```We open.", "We open."),
    ("We open.<|im_", "We open."),
]
ORDINARY = [
    "2 < 3 and a<b, <b>bold</b> [our page](https://e.x) {name} [1] a|b <",
    "Use <strong>it</strong> for f(x) = {x | x > 0}",
    "an apple",
    "```py\nx = 1\n``` and `code` or ``two``",
    "```\nplain\n```",
    "analysis of this",
    "We open at nine, and close at five [or six].",
    "I think, therefore I am </3",
]


@pytest.mark.parametrize(("text", "expected"), INSIDE)
def test_nothing_of_a_models_inside_is_passed_however_it_is_cut(text: str, expected: str) -> None:
    assert " ".join(passed(text).split()) == expected
    for size in (1, 2, 3, 7):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert " ".join(passed(*pieces).split()) == expected


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_passes_as_it_is(text: str) -> None:
    assert passed(text) == passed(*text) == text


def test_ordinary_text_waits_for_nothing() -> None:
    markup = ModelMarkup()
    for piece in ["We ", "open at 9 ", "(a < b) ", "or [see", " {it} ", "x<y"]:
        assert markup.feed(piece) == piece


def test_what_may_become_a_mark_waits_for_the_character_that_decides() -> None:
    markup = ModelMarkup()
    assert markup.feed("Hi <th") == "Hi "
    assert markup.feed("e end") == "<the end"


def test_a_lone_end_of_thoughts_takes_back_what_came_with_it_and_says_so() -> None:
    markup = ModelMarkup()
    assert markup.feed("I must be secretive.</think>We open.") == "We open."
    assert markup.thoughts_before
    assert markup.feed(" Come.") == " Come."
    assert not markup.thoughts_before


@pytest.mark.parametrize(
    "text", ["<" * 20_000, "[" * 20_000, '{"a":' * 5000, "<think>" * 4000, "<|a" * 8000, '{"' * 9000]
)
def test_hostile_runs_take_time_in_proportion(text: str) -> None:
    begun = time.perf_counter()
    passed(text)
    assert time.perf_counter() - begun < 2


PARTS = """
    <think> </think> <|im_end|> <|channel|> analysis <|message|> {"a": " } ] [{ \\ < | > [THINK] [/THINK] Hello.
    <tool_call> </tool_call> <|im_start|> user ``` ```json ` tool_code
""".split()
HOSTILE = st.lists(st.sampled_from([*PARTS, " ", "\n"]) | st.text(max_size=3), max_size=30).map("".join)


@given(HOSTILE, st.integers(1, 7))
def test_however_text_is_cut_the_same_is_passed(text: str, size: int) -> None:
    text = text.replace("</think>", "").replace("[/THINK]", "")  # these take back what has not left yet
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert passed(text) == passed(*pieces) == passed(*text)
