"""What servers write: the shapes of the large providers, from their documents and sources, and hostile ones."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from chat_server import USAGE
from hypothesis import given
from hypothesis import strategies as st

from bot.openai.chunks import NOTHING, Calls, NoChunk, Piece, Usage, read


def chunk(delta: object, reason: str | None = None, **more: object) -> dict[str, object]:
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta} | {"finish_reason": reason}],
    } | more


def call(*, name: str | None = None, arguments: object = None, **more: object) -> dict[str, object]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {"function": function} | more


def calling(*calls: object, reason: str | None = None) -> dict[str, object]:
    return chunk({"tool_calls": list(calls)}, reason)


BOOK, FIND = '{"hour": 10}', '{"name": "Ann"}'
A, B = ("call_a", "book", BOOK), ("call_b", "find", FIND)

SHAPES: dict[str, tuple[Sequence[dict[str, Any]], str, list[tuple[str, str, str]]]] = {
    "OpenAI, text and usage": (
        [
            chunk({"role": "assistant", "content": "", "refusal": None}, service_tier="default", obfuscation="x7"),
            chunk({"content": "We are"}),
            chunk({"content": " open."}),
            chunk({}, "stop"),
            {"id": "c", "choices": [], "usage": {"total_tokens": 9}},
        ],
        "We are open.",
        [],
    ),
    "OpenAI, refusal": (
        [chunk({"refusal": "I can't "}), chunk({"refusal": "do that."}), chunk({}, "stop")],
        "I can't do that.",
        [],
    ),
    "OpenAI, two calls": (
        [
            calling(call(index=0, id="call_a", type="function", name="book", arguments="")),
            calling(call(index=0, arguments='{"hour"')),
            calling(call(index=0, arguments=": 10}")),
            calling(call(index=1, id="call_b", type="function", name="find", arguments="")),
            calling(call(index=1, arguments=FIND)),
            chunk({}, "tool_calls"),
        ],
        "",
        [A, B],
    ),
    "OpenAI, function_call of 2023": (
        [
            chunk({"function_call": {"name": "book", "arguments": ""}}),
            chunk({"function_call": {"arguments": BOOK}}, "function_call"),
        ],
        "",
        [("call_0", "book", BOOK)],
    ),
    "Azure, filters": (
        [
            {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
            {
                "choices": [
                    {"index": 0, "delta": {"content": "Yes."}, "content_filter_results": {}, "finish_reason": None}
                ]
            },
            {"choices": [{"index": 0, "finish_reason": None, "content_filter_offsets": {"check_offset": 1}}]},
            chunk({}, "stop"),
        ],
        "Yes.",
        [],
    ),
    "Gemini, calls whole and all with index 0": (
        [
            calling(
                call(index=0, id="call_a", name="book", arguments=BOOK, type="function"),
                call(index=0, id="call_b", name="find", arguments=FIND, type="function"),
                reason="stop",
            )
        ],
        "",
        [A, B],
    ),
    "Gemini, without ids": (
        [
            calling(call(index=0, id="", name="book", arguments=BOOK)),
            calling(call(index=0, id="", name="find", arguments=FIND)),
            chunk({}, "tool_calls"),
        ],
        "",
        [("call_0", "book", BOOK), ("call_1", "find", FIND)],
    ),
    "Mistral, calls in one piece without index": (
        [
            calling(
                call(id="call_a", name="book", arguments=BOOK),
                call(id="call_b", name="find", arguments=FIND),
                reason="tool_calls",
            )
        ],
        "",
        [A, B],
    ),
    "Mistral, thoughts and text as parts": (
        [
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]}),
            chunk({"content": [{"type": "text", "text": "Yes."}]}, "stop"),
        ],
        "Yes.",
        [],
    ),
    "Ollama, every call has index 0 and an id": (
        [
            calling(call(index=0, id="call_a", type="function", name="book", arguments=BOOK)),
            calling(call(index=0, id="call_b", type="function", name="find", arguments=FIND)),
            chunk({"role": "assistant", "content": ""}, "stop"),
        ],
        "",
        [A, B],
    ),
    "llama.cpp": (
        [
            chunk({"role": "assistant", "content": None}),
            calling(call(index=0, id="call_a", type="function", name="book", arguments="{")),
            calling(call(index=0, arguments='"hour": 10}')),
            chunk({}, "tool_calls"),
            {"choices": [], "timings": {"predicted_n": 3}},
        ],
        "",
        [A],
    ),
    "vLLM, pieces of two calls by turns": (
        [
            calling(call(index=0, id="call_a", type="function", name="book")),
            calling(call(index=1, id="call_b", type="function", name="find")),
            calling(call(index=0, arguments='{"hour": '), call(index=1, arguments='{"name": ')),
            calling(call(index=1, arguments='"Ann"}')),
            calling(call(index=0, arguments="10}")),
            chunk({"content": ""}, "tool_calls"),
        ],
        "",
        [A, B],
    ),
    "vLLM, reasoning": (
        [chunk({"reasoning_content": "Hm."}), chunk({"reasoning": "Hm."}), chunk({"content": "Yes."}, "stop")],
        "Yes.",
        [],
    ),
    "DeepSeek, id and name once, then empty": (
        [
            chunk({"role": "assistant", "content": None, "reasoning_content": "Hm."}),
            calling(call(index=0, id="call_a", type="function", name="book", arguments="")),
            calling(call(index=0, id="", name="", arguments=BOOK)),
            chunk({"content": "", "reasoning_content": None}, "tool_calls"),
        ],
        "",
        [A],
    ),
    "DashScope, id and name with each piece": (
        [
            calling(call(index=0, id="call_a", name="book", arguments='{"hour"')),
            calling(call(index=0, id="call_a", name="book", arguments=": 10}")),
            chunk({}, "tool_calls"),
        ],
        "",
        [A],
    ),
    "a name with each piece, no id": (
        [
            calling(call(index=0, name="book", arguments="")),
            calling(call(index=0, name="book", arguments='{"hour"')),
            calling(call(index=0, name="book", arguments=": 10}")),
            chunk({}, "tool_calls"),
        ],
        "",
        [("call_0", "book", BOOK)],
    ),
    "one tool twice, index 0, no ids": (
        [
            calling(call(index=0, name="book", arguments=BOOK)),
            calling(call(index=0, name="book", arguments='{"hour": 11}')),
            chunk({}, "stop"),
        ],
        "",
        [("call_0", "book", BOOK), ("call_1", "book", '{"hour": 11}')],
    ),
    "TGI, one call as an object": (
        [
            chunk({"tool_calls": call(index=0, id="", type="function", name="book", arguments="{")}),
            chunk({"tool_calls": call(index=0, id="", type="function", arguments='"hour": 10}')}),
            chunk({}, "eos_token"),
        ],
        "",
        [("call_0", "book", BOOK)],
    ),
    "arguments as an object": (
        [calling(call(index=0, id="call_a", name="book", arguments={"hour": 10})), chunk({}, "stop")],
        "",
        [A],
    ),
    "arguments as quoted JSON": (
        [calling(call(index=0, id="call_a", name="book", arguments=json.dumps(BOOK))), chunk({}, "stop")],
        "",
        [A],
    ),
    "arguments that begin with an empty object": (
        [calling(call(index=0, id="call_a", name="book", arguments={})), calling(call(index=0, arguments=BOOK))],
        "",
        [A],
    ),
    "arguments null": (
        [calling(call(index=0, id="call_a", name="book", arguments="null"))],
        "",
        [("call_a", "book", "{}")],
    ),
    "no arguments": (
        [calling({"index": 0, "id": "call_a", "function": {"name": "book", "arguments": None}})],
        "",
        [("call_a", "book", "{}")],
    ),
    "index as text": ([calling(call(index="0", id="call_a", name="book", arguments=BOOK))], "", [A]),
    "one id for all": (
        [
            calling(
                call(index=0, id="call", name="book", arguments=BOOK),
                call(index=1, id="call", name="find", arguments=FIND),
            )
        ],
        "",
        [("call", "book", BOOK), ("call_1", "find", FIND)],
    ),
    "Groq, usage in the last chunk": (
        [chunk({"content": "Yes."}, x_groq={"id": "r"}), chunk({}, "stop", x_groq={"usage": {}})],
        "Yes.",
        [],
    ),
    "OpenRouter, the provider's own reason": (
        [
            {
                "choices": [
                    {
                        "index": 0,
                        "delta": {"content": "Yes.", "reasoning_details": []},
                        "finish_reason": "stop",
                        "native_finish_reason": "end_turn",
                        "logprobs": None,
                    }
                ]
            }
        ],
        "Yes.",
        [],
    ),
    "Cohere and others, a whole answer": (
        [{"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]}],
        "Yes.",
        [],
    ),
    "several answers": (
        [
            {
                "choices": [
                    {"index": 1, "delta": {"content": "No."}},
                    {"index": 0, "delta": {"content": "Yes."}, "finish_reason": "stop"},
                ]
            }
        ],
        "Yes.",
        [],
    ),
    "LiteLLM, empty deltas and nulls": (
        [
            chunk({"role": "assistant", "content": None, "tool_calls": None, "function_call": None, "audio": None}),
            chunk({"content": "Yes."}),
            chunk(None, "stop"),
        ],
        "Yes.",
        [],
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_is_read_as_its_provider_writes_it(shape: str) -> None:
    chunks, text, calls = SHAPES[shape]
    deltas = [read(json.dumps(each)) for each in chunks]
    together = Calls()
    for delta in deltas:
        together.add(delta.calls)
    assert "".join(delta.text for delta in deltas) == text
    assert [(each.id, each.name, each.arguments) for each in together.whole] == calls


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ('{"choices": [{"delta": {"cont', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("5", "none"),
        ('{"choices": 5}', "choices is '5'"),
        ('{"choices": ["a"]}', "choice is 'a'"),
        ('{"choices": [{"delta": "a text"}]}', "delta is 'a text'"),
        ('{"choices": [{"delta": {"content": 5}}]}', "'5' is no text"),
        ('{"choices": [{"delta": {"tool_calls": 5}}]}', "tool_calls is '5'"),
        ('{"choices": [{"delta": {"tool_calls": [5]}}]}', "tool call is '5'"),
        ('{"choices": [{"delta": {"tool_calls": [{"index": 1.5}]}}]}', "index of a tool call is 1.5"),
        ('{"choices": [{"delta": {"tool_calls": [{"function": {"name": []}}]}}]}', "no text"),
        ('{"error": {"message": "the worker died", "code": 500}}', "the worker died"),
        ('{"error": "overloaded"}', "overloaded"),
    ],
)
def test_what_is_no_chunk_is_refused_with_its_reason(data: str, why: str) -> None:
    with pytest.raises(NoChunk, match=why):
        read(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "choices delta message content tool_calls function name arguments index id error type text".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_whatever_comes_is_a_chunk_or_is_refused(value: object) -> None:
    try:
        delta = read(json.dumps(value))
    except NoChunk:
        return
    assert isinstance(delta.text, str)
    calls = Calls()
    calls.add(delta.calls)
    assert all(call.name for call in calls.whole)


@given(
    st.lists(
        st.builds(
            Piece,
            st.none() | st.integers(0, 2),
            st.sampled_from(["", "i", "j"]),
            st.sampled_from(["", "f", "g"]),
            st.sampled_from(["", "{}", "{", "}", "null", '"']),
        ),
        max_size=8,
    )
)
def test_calls_have_ids_of_their_own_whatever_the_pieces_are(pieces: list[Piece]) -> None:
    calls = Calls()
    for piece in pieces:
        calls.add([piece])
    ids = [call.id for call in calls.whole]
    assert len(set(ids)) == len(ids)


NOBODY = '{"usage": {"prompt_tokens": null, "completion_tokens": -3}}'


def test_what_tells_nothing_is_nothing() -> None:
    for data in ("{}", '{"choices": null}', '{"choices": []}', '{"choices": [{"delta": {}}]}', '{"usage": 5}', NOBODY):
        assert read(data) == NOTHING


@pytest.mark.parametrize("told", [{"usage": USAGE}, {"x_groq": {"id": "r", "usage": USAGE}}])
@pytest.mark.parametrize("more", [{"choices": []}, {"choices": [{"delta": {}, "finish_reason": "stop"}]}, {}])
def test_tokens_are_read_wherever_a_server_tells_them(told: dict[str, Any], more: dict[str, Any]) -> None:
    assert read(json.dumps({**more, **told})).usage == Usage(70, 9)


def test_a_server_that_counts_with_each_chunk_does_not_answer_by_that() -> None:
    delta = read(json.dumps({"choices": [{"delta": {"role": "assistant", "content": ""}}], "usage": USAGE}))
    assert delta.usage and not delta.says
