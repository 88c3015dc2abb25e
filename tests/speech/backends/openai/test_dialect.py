import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bridge.speech.api import BadRequest, EngineLost, Request
from bridge.speech.backends.openai.dialect import Dialect
from bridge.speech.backends.openai.profile import ServerProfile

CHAT = ServerProfile("m", "chat", windows=True)


def audio_of(seconds: float, *, key: str = "call-1", final: bool = False, prefix: str = "") -> Request:
    return Request(np.zeros(round(16_000 * seconds), np.float32), key=key, final=final, prefix=prefix)


def sent(body: bytes) -> dict[str, Any]:
    return dict(json.loads(body))


def parts(body: bytes) -> Sequence[dict[str, Any]]:
    return list(sent(body)["messages"][1]["content"])


def test_a_full_window_is_told_once_and_then_only_named() -> None:
    dialect = Dialect(CHAT)
    first = dialect.say(audio_of(9))
    assert [part["input_audio"] is None for part in parts(first.body)] == [False, False]
    dialect.accepted(first)
    assert [part["input_audio"] is None for part in parts(dialect.say(audio_of(10)).body)] == [True, False]


def test_what_the_server_did_not_accept_it_does_not_have() -> None:
    dialect = Dialect(CHAT)
    dialect.say(audio_of(9))
    assert not dialect.say(audio_of(10)).omitted


def test_another_utterance_is_another_window() -> None:
    dialect = Dialect(CHAT)
    dialect.accepted(dialect.say(audio_of(9)))
    assert not dialect.say(audio_of(9, key="call-2")).omitted


def test_two_bridges_never_mean_the_same_window() -> None:
    ours, theirs = (Dialect(CHAT).say(audio_of(9)).told for _ in range(2))
    assert ours != theirs


def test_without_key_nothing_is_remembered() -> None:
    dialect = Dialect(CHAT)
    dialect.accepted(dialect.say(audio_of(9, key="")))
    assert not dialect.say(audio_of(9, key="")).omitted
    assert "uuid" not in dialect.say(audio_of(9, key="")).extras


def test_what_was_forgotten_is_told_again() -> None:
    dialect = Dialect(CHAT)
    dialect.accepted(dialect.say(audio_of(9)))
    named = dialect.say(audio_of(10))
    dialect.forget(named)
    again = dialect.say(audio_of(10), whole=True)
    assert again.told == named.omitted
    dialect.accepted(again, refused=BadRequest("Cache miss for audio at index 0 but data is not provided."))
    assert dialect.say(audio_of(11)).omitted == named.omitted


def test_a_server_that_wants_all_audio_each_time_gets_it() -> None:
    dialect = Dialect(CHAT)
    dialect.accepted(dialect.say(audio_of(9)))
    dialect.accepted(dialect.say(audio_of(10), whole=True), refused=BadRequest("input_audio must not be null"))
    assert not dialect.say(audio_of(11)).omitted


def test_a_crash_says_nothing_about_names() -> None:
    dialect = Dialect(CHAT)
    dialect.accepted(dialect.say(audio_of(9)))
    dialect.accepted(dialect.say(audio_of(10), whole=True), refused=EngineLost("500"))
    assert dialect.say(audio_of(11)).omitted


def test_memory_of_windows_is_bounded() -> None:
    dialect = Dialect(CHAT, remembered=2)
    for key in ("old", "used", "new"):
        dialect.accepted(dialect.say(audio_of(8, key="used")))
        dialect.accepted(dialect.say(audio_of(8, key=key)))
    assert not dialect.say(audio_of(9, key="old")).omitted
    assert dialect.say(audio_of(9, key="used")).omitted and dialect.say(audio_of(9, key="new")).omitted


def test_one_piece_is_sent_where_windows_are_not_heard_as_one() -> None:
    saying = Dialect(ServerProfile("m", "chat", windows=False)).say(audio_of(20))
    assert len(parts(saying.body)) == 1 and not saying.told


def test_finals_prove_nothing_about_priority() -> None:
    dialect = Dialect(CHAT)
    final, partial = dialect.say(audio_of(1, final=True)), dialect.say(audio_of(1))
    assert "priority" not in sent(final.body) and sent(partial.body)["priority"] == 1
    dialect.accepted(final)
    assert dialect.doubtful(partial, BadRequest("no")) == {"priority"}


def test_only_finals_ask_what_is_expected_behind_their_last_word() -> None:
    dialect = Dialect(CHAT)
    assert "top_logprobs" in sent(dialect.say(audio_of(1, final=True)).body)
    assert "top_logprobs" not in sent(dialect.say(audio_of(1)).body)
    assert "top_logprobs" not in sent(dialect.say(audio_of(1, final=True, prefix="one")).body)


def test_the_field_that_is_named_is_left_out_alone() -> None:
    dialect = Dialect(CHAT)
    saying = dialect.say(audio_of(1))
    assert dialect.doubtful(saying, BadRequest("Priority scheduling is not enabled")) == {"priority"}
    assert dialect.doubtful(saying, BadRequest("no")) == {"priority", "logprobs", "repetition_detection"}


def test_what_was_refused_is_left_out_for_good_once_it_helped() -> None:
    dialect = Dialect(CHAT)
    without = frozenset({"priority"})
    assert "priority" in sent(dialect.say(audio_of(1)).body)
    plainer = dialect.say(audio_of(1), without=without)
    assert "priority" not in sent(plainer.body)
    assert "priority" in sent(dialect.say(audio_of(1)).body)  # it has not helped yet
    dialect.accepted(plainer, without=without)
    assert "priority" not in sent(dialect.say(audio_of(1)).body)


def test_a_server_that_understood_once_is_not_doubted() -> None:
    dialect = Dialect(CHAT)
    dialect.accepted(dialect.say(audio_of(1)))
    assert not dialect.doubtful(dialect.say(audio_of(1)), BadRequest("priority"))


@pytest.mark.parametrize(("language", "asked"), [(None, b"verbose_json"), ("German", b"\r\njson\r\n")])
def test_a_transcription_asks_for_the_language_where_it_is_not_known(language: str | None, asked: bytes) -> None:
    request = Request(np.zeros(16_000, np.float32), language=language)
    saying = Dialect(ServerProfile("m", "transcriptions")).say(request)
    assert asked in saying.body and b"max_completion_tokens" in saying.body
    assert ("verbose_json" in saying.extras) is (language is None)
