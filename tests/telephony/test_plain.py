"""The plain WebSocket protocol: what the original's clients send, and what none should."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.client_audio import MAX_AUDIO_BYTES
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallStarted,
    Clear,
    Command,
    Encoding,
    Event,
    Finalize,
    Hangup,
    Malformed,
    Mark,
    Media,
    Play,
    Problem,
    SendDtmf,
    Transcript,
    Transfer,
)
from telephony.malformed import MAX_MALFORMED_OF_CLIENTS
from telephony.plain import PlainProtocol
from telephony.recognition import RecognitionOptions

FLOAT_16K = AudioFormat(Encoding.FLOAT32, 16_000)
DEFAULTS = CallStarted("abc", FLOAT_16K, options=RecognitionOptions())
ORIGINAL_CONFIG = """{
  "type": "config",
  "context": "",
  "language": null,
  "unfixed_chunk_num": 4,
  "unfixed_token_num": 5,
  "chunk_size_sec": 1.0
}"""


def refuse_klingon(language: str | None) -> str:
    return "install voice-bridge[qapla]" if language == "Klingon" else ""


def protocol() -> PlainProtocol:
    return PlainProtocol("abc", refuse_language=refuse_klingon)


def config(**fields: object) -> str:
    return json.dumps({"type": "config", **fields})


def begun(**fields: object) -> PlainProtocol:
    session = protocol()
    assert isinstance(session.receive(config(**fields))[0], CallStarted)
    return session


def floats(*samples: float) -> bytes:
    return np.array(samples, "<f4").tobytes()


def malformed(events: Sequence[Event]) -> str:
    assert len(events) == 1, events
    assert isinstance(events[0], Malformed), events
    return events[0].message


def sent(session: PlainProtocol, command: Command) -> list[Mapping[str, object]]:
    return [json.loads(message) for message in session.send(command)]


# ---------------------------------------------------------------- a session as it should be


def test_it_greets_with_the_session_id() -> None:
    [greeting] = protocol().open()
    assert json.loads(greeting) == {"type": "session_created", "session_id": "abc"}


def test_the_originals_config_begins_the_session_with_its_defaults() -> None:
    assert protocol().receive(ORIGINAL_CONFIG) == [DEFAULTS]


def test_an_empty_config_means_the_defaults() -> None:
    assert protocol().receive('{"type": "config"}') == [DEFAULTS]


def test_config_sets_every_option() -> None:
    message = config(
        context="Amar, Kormangala",
        language="Hindi",
        unfixed_chunk_num=0,
        unfixed_token_num=100,
        chunk_size_sec=2,
        max_new_tokens=64,
        sample_rate=8000,
        encoding="mulaw",
        partials=False,
    )
    options = RecognitionOptions("Amar, Kormangala", "Hindi", 0, 100, 2.0, 64, partials=False)
    assert protocol().receive(message) == [CallStarted("abc", AudioFormat(Encoding.MULAW, 8000), options=options)]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("float32", Encoding.FLOAT32),
        ("int16", Encoding.L16),
        ("mulaw", Encoding.MULAW),
        ("alaw", Encoding.ALAW),
    ],
)
def test_each_encoding_has_its_name_on_the_wire(name: str, encoding: Encoding) -> None:
    session = protocol()
    [event] = session.receive(config(encoding=name))
    assert isinstance(event, CallStarted)
    assert event.format == AudioFormat(encoding, 16_000)
    audio = bytes(encoding.sample_bytes * 160)
    assert session.receive(audio) == [Media(audio, 0)]


def test_context_and_language_arrive_in_their_script() -> None:
    [event] = protocol().receive('{"type": "config", "context": "नमस्ते \\u0905\\u092e\\u0930 \\ud83d\\ude00"}')
    assert isinstance(event, CallStarted)
    assert event.options is not None
    assert event.options.context == "नमस्ते अमर 😀"


def test_audio_is_placed_by_the_samples_before_it() -> None:
    session = begun()
    assert session.receive(floats(*[0.5] * 1600)) == [Media(floats(*[0.5] * 1600), 0)]
    assert session.receive(floats(0.25)) == [Media(floats(0.25), 100)]


def test_media_time_does_not_drift_over_odd_packets() -> None:
    session = begun(sample_rate=11_025, encoding="int16")
    for _ in range(11_024):
        session.receive(bytes(2 * 7))  # 0.63 ms each
    assert session.receive(bytes(2)) == [Media(bytes(2), 11_024 * 7 * 1000 // 11_025)]


def test_audio_before_config_uses_the_defaults() -> None:
    assert protocol().receive(floats(0.5)) == [DEFAULTS, Media(floats(0.5), 0)]


def test_finalize_asks_for_what_is_pending() -> None:
    assert begun().receive('{"type": "finalize"}') == [Finalize()]


def test_finalize_before_everything_begins_the_session() -> None:
    assert protocol().receive('{"type": "finalize"}') == [DEFAULTS, Finalize()]


def test_no_samples_are_no_audio_and_begin_nothing() -> None:
    session = protocol()
    assert list(session.receive(b"")) == []
    assert isinstance(session.receive(config())[0], CallStarted)


def test_samples_a_little_too_loud_are_clipped() -> None:
    assert begun().receive(floats(1.5, -2.0, 0.5)) == [Media(floats(1.0, -1.0, 0.5), 0)]


# ---------------------------------------------------------------- what it refuses


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("context", None, "got null; allowed: text of at most 10000"),
        ("context", ["a"], "got a list"),
        ("context", "x" * 10_001, "got 10001 characters; allowed: at most 10000"),
        ("language", 7, "got 7"),
        ("language", {}, "got an object"),
        ("language", "x" * 101, "got 101 characters"),
        ("language", "Klingon", 'got "Klingon"; install voice-bridge[qapla]'),
        ("unfixed_chunk_num", -1, "got -1; allowed: a whole number from 0 to 100"),
        ("unfixed_chunk_num", 101, "got 101"),
        ("unfixed_chunk_num", True, "got true"),
        ("unfixed_chunk_num", 4.0, "got 4.0"),
        ("unfixed_chunk_num", "4", 'got "4"'),
        ("unfixed_chunk_num", None, "got null"),
        ("unfixed_token_num", 10**30, "got 1000000"),
        ("unfixed_token_num", False, "got false"),
        ("chunk_size_sec", "1.0", 'got "1.0"; allowed: a number from 0.1 to 30'),
        ("chunk_size_sec", 0, "got 0"),
        ("chunk_size_sec", 30.1, "got 30.1"),
        ("chunk_size_sec", True, "got true"),
        ("chunk_size_sec", math.nan, "got NaN"),
        ("chunk_size_sec", math.inf, "got Infinity"),
        ("max_new_tokens", 0, "got 0; allowed: a whole number from 1 to 1024"),
        ("max_new_tokens", 1025, "got 1025"),
        ("max_new_tokens", 32.0, "got 32.0"),
        ("max_new_tokens", True, "got true"),
        ("max_new_tokens", "32", 'got "32"'),
        ("sample_rate", 7999, "got 7999; allowed: a whole number from 8000 to 48000"),
        ("sample_rate", 48_001, "got 48001"),
        ("sample_rate", 16000.0, "got 16000.0"),
        ("encoding", "opus", 'got "opus"; allowed: "float32", "int16", "mulaw", "alaw"'),
        ("encoding", 16, "got 16"),
        ("encoding", ["float32"], "got a list"),
        ("partials", 1, "got 1; allowed: true, false"),
        ("partials", "false", 'got "false"'),
        ("words", "yes", 'got "yes"; allowed: true, false'),
    ],
)
def test_a_bad_option_is_named_with_its_value_and_what_is_allowed(field: str, value: object, said: str) -> None:
    session = protocol()
    text = malformed(session.receive(config(**{field: value})))
    assert text.startswith(f"field {field}: ")
    assert said in text
    assert session.receive(ORIGINAL_CONFIG) == [DEFAULTS]  # a refused config may be sent again


@pytest.mark.parametrize(
    ("field", "edge"),
    [
        ("chunk_size_sec", 0.1),
        ("chunk_size_sec", 30),
        ("max_new_tokens", 1),
        ("max_new_tokens", 1024),
        ("sample_rate", 48_000),
    ],
)
def test_the_edges_of_a_range_are_allowed(field: str, edge: float) -> None:
    begun(**{field: edge})


def test_an_unknown_option_is_named_with_those_there_are() -> None:
    text = malformed(protocol().receive(config(lang="Hindi")))
    assert 'field "lang": unknown' in text
    for known in ("context", "language", "unfixed_chunk_num", "chunk_size_sec", "sample_rate", "encoding", "partials"):
        assert known in text


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("", "JSON"),
        ("hello", 'message: got "hello"; allowed: JSON'),
        ('{"type": "config"', "JSON"),
        ('{"type": "config"} {}', "JSON"),
        ("[1, 2]", "message: got a list; allowed: a JSON object"),
        ("null", "message: got null"),
        ('"config"', 'got "config"; allowed: a JSON object'),
        ("[" * 100_000, "JSON"),
        ("9" * 5000, "JSON"),
        ("x" * 200_000, "got 200000 characters; allowed: at most 131072"),
        ('{"type": "config", "context": "\\udead"}', "JSON"),
        ("{}", 'field type: got null; allowed: "config", "finalize"'),
        ('{"type": "Config"}', 'got "Config"'),
        ('{"type": 7}', "got 7"),
        ('{"type": ["config"]}', "got a list"),
    ],
    ids=lambda text: text[:40],
)
def test_a_malformed_message_is_explained_and_the_session_goes_on(message: str, said: str) -> None:
    session = begun()
    text = malformed(session.receive(message))
    assert said in text
    assert len(text) < 300
    assert session.receive(floats(0.5)) == [Media(floats(0.5), 0)]


@pytest.mark.parametrize("first", [ORIGINAL_CONFIG, '{"type": "finalize"}', floats(0.5)])
def test_config_comes_once_and_first(first: str | bytes) -> None:
    session = protocol()
    session.receive(first)
    assert "session has begun" in malformed(session.receive(ORIGINAL_CONFIG))


@pytest.mark.parametrize(
    ("audio", "said"),
    [
        (floats(0.1, math.nan), "nan"),
        (floats(math.inf, 0.1), "inf"),
        (floats(-math.inf), "-inf"),
        (b"\x01\x00\xa0\x7f", "nan"),  # a signalling one
        (floats(0.1, -2.5), "got a peak of 2.5; allowed: [-1, 1]"),
        (floats(12_345.0), "int16"),
        (bytes(MAX_AUDIO_BYTES + 4), f"allowed: at most {MAX_AUDIO_BYTES}"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_bad_samples_are_explained_dropped_and_begin_nothing(audio: bytes, said: str) -> None:
    session = protocol()
    text = malformed(session.receive(audio))
    assert text.startswith("audio: got")
    assert said in text
    assert session.receive(ORIGINAL_CONFIG) == [DEFAULTS]
    assert session.receive(floats(0.5)) == [Media(floats(0.5), 0)]


# ---------------------------------------------------------------- what is right of what is not all right


GOOD: Mapping[str, object] = {
    "context": "Amar",
    "language": "Hindi",
    "unfixed_chunk_num": 2,
    "unfixed_token_num": 3,
    "chunk_size_sec": 0.5,
    "max_new_tokens": 64,
    "partials": False,
    "sample_rate": 8000,
    "encoding": "mulaw",
}
MULAW_8K = AudioFormat(Encoding.MULAW, 8000)
GOOD_OPTIONS = RecognitionOptions("Amar", "Hindi", 2, 3, 0.5, 64, partials=False)


@pytest.mark.parametrize("bad", [*GOOD, "unheard_of"])
@pytest.mark.parametrize("value", [{}, -7, "opus", 1e400], ids=repr)
def test_one_bad_field_costs_no_other(bad: str, value: object) -> None:
    value = ["x"] if value == "opus" and bad in {"context", "language"} else value
    session = protocol()
    assert bad in malformed(session.receive(config(**{**GOOD, bad: value})))
    started, media = session.receive(bytes(8))
    assert isinstance(started, CallStarted) and isinstance(media, Media) and started.options
    encoding = Encoding.FLOAT32 if bad == "encoding" else Encoding.MULAW
    assert started.format == AudioFormat(encoding, 16_000 if bad == "sample_rate" else 8000)
    expected = replace(GOOD_OPTIONS, **{bad: getattr(RecognitionOptions(), bad)}) if bad in OPTIONS else GOOD_OPTIONS
    assert started.options == expected


OPTIONS = GOOD.keys() - {"sample_rate", "encoding"}


def test_each_bad_field_is_named_and_a_few_of_many_unknown_ones() -> None:
    fields = {**GOOD, "partials": 7, "chunk_size_sec": "x", **{f"x{n}": n for n in range(9)}}
    told = [event.message for event in protocol().receive(config(**fields)) if isinstance(event, Malformed)]
    assert [text.split(":")[0] for text in told] == [
        "field chunk_size_sec",
        "field partials",
        'fields "x0", "x1", "x2" and 6 more',
    ]


def test_a_better_config_goes_on_where_the_first_was_wrong() -> None:
    session = protocol()
    malformed(session.receive(config(**{**GOOD, "encoding": "opus"})))
    assert session.receive(config(encoding="alaw")) == [
        CallStarted("abc", AudioFormat(Encoding.ALAW, 8000), options=GOOD_OPTIONS)
    ]


def test_a_client_that_sends_no_better_one_begins_with_what_was_right() -> None:
    session = protocol()
    assert session.quiet() == ()
    malformed(session.receive(config(**{**GOOD, "partials": 7})))
    assert session.quiet() == [CallStarted("abc", MULAW_8K, options=replace(GOOD_OPTIONS, partials=True))]
    assert not session.quiet()


def heard(session: PlainProtocol, pieces: Sequence[bytes]) -> tuple[bytes, list[Malformed]]:
    events = [event for piece in pieces for event in session.receive(piece)]
    audio = b"".join(event.payload for event in events if isinstance(event, Media))
    return audio, [event for event in events if isinstance(event, Malformed)]


TONE = 0.3 * np.sin(np.arange(1600) * 0.05)


@pytest.mark.parametrize(
    ("encoding", "audio"),
    [("int16", (TONE * 32767).astype("<i2").tobytes()), ("float32", TONE.astype("<f4").tobytes())],
)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 321, 333, 1001])
def test_a_sample_that_is_cut_goes_on_in_the_next_message(encoding: str, audio: bytes, size: int) -> None:
    pieces = [audio[start : start + size] for start in range(0, len(audio), size)]
    came, faults = heard(begun(encoding=encoding), pieces)
    assert came == audio
    cut = sum(bool(len(piece) % (2 if encoding == "int16" else 4)) for piece in pieces)
    assert len(faults) == cut and [fault.told for fault in faults] == [True, *[False] * (cut - 1)][:cut]


@pytest.mark.parametrize("rest", [b"\x7f", b"\x7f\x41", b"\xff\x00\x13"])
def test_bytes_too_many_in_each_message_do_not_turn_floats_into_noise(rest: bytes) -> None:
    audio = TONE.astype("<f4").tobytes()
    came, _ = heard(begun(), [audio[start : start + 320] + rest for start in range(0, len(audio), 320)])
    assert came == audio


def test_a_cut_sample_is_named_as_the_client_names_it_and_begins_nothing() -> None:
    session = protocol()
    assert "got 3 bytes; allowed: a multiple of 4, as samples are float32" in malformed(session.receive(b"123"))
    [started, media, fault] = session.receive(b"4" + floats(0.5) + b"1")
    assert (started, media) == (DEFAULTS, Media(b"1234" + floats(0.5), 0))
    assert isinstance(fault, Malformed) and not fault.told


def test_a_client_that_cuts_every_message_is_never_given_up() -> None:
    session = begun(encoding="int16")
    for _ in range(3 * MAX_MALFORMED_OF_CLIENTS):
        session.receive(b"123")


def test_a_thousand_malformed_messages_in_a_row_are_borne_and_no_more() -> None:
    session = begun()
    for index in range(MAX_MALFORMED_OF_CLIENTS):
        malformed(session.receive("?" if index % 2 else floats(math.nan)))
    with pytest.raises(RemoteProtocolError, match="1000 malformed"):
        session.receive("?")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
options = st.sampled_from(
    "context language unfixed_chunk_num unfixed_token_num chunk_size_sec max_new_tokens partials sample_rate encoding "
    "other".split()
)
configs = st.builds(lambda fields: config(**fields), st.dictionaries(options, json_values, max_size=3))


@given(hostile=st.lists(st.binary() | st.text() | json_values.map(json.dumps) | configs, max_size=8))
def test_nothing_that_comes_raises_or_is_let_through_unchecked(hostile: list[str | bytes]) -> None:
    session = protocol()
    for message in hostile:
        for event in session.receive(message):
            if isinstance(event, Malformed):
                event.message.encode()  # fit for a log
                assert sent(session, Problem(event.message)) == [{"type": "error", "message": event.message}]
            if isinstance(event, Media):
                assert event.payload


@given(samples=st.lists(st.floats(width=32), min_size=1, max_size=50))
def test_float_samples_are_inside_full_scale_or_refused(samples: list[float]) -> None:
    [event] = begun().receive(floats(*samples))
    if all(abs(sample) <= 2 for sample in samples):
        assert isinstance(event, Media)
        assert np.frombuffer(event.payload, "<f4").tolist() == [min(1.0, max(-1.0, sample)) for sample in samples]
    else:
        assert isinstance(event, Malformed)


# ---------------------------------------------------------------- what it sends


def test_a_partial_has_the_originals_fields() -> None:
    assert sent(begun(), Transcript("Hello world", "English", final=False, timestamp=1234567890.123)) == [
        {"type": "partial", "language": "English", "text": "Hello world", "timestamp": 1234567890.123}
    ]


def test_a_final_has_the_originals_fields() -> None:
    assert sent(begun(), Transcript("", "", final=True, timestamp=1.5)) == [
        {"type": "final", "language": "", "text": "", "timestamp": 1.5, "is_speech_final": True}
    ]


def test_a_final_has_its_words_where_they_were_asked_for() -> None:
    final = Transcript("hello", "English", final=True, timestamp=1.5, words=[("hello", 120, 480)])
    assert "words" not in sent(begun(), final)[0]
    assert sent(begun(words=True), final)[0]["words"] == [{"word": "hello", "start_ms": 120, "end_ms": 480}]
    assert sent(begun(words=True), Transcript("", "", final=True, timestamp=1.5))[0]["words"] == []


def test_text_goes_out_readable_in_every_script() -> None:
    [message] = begun().send(Transcript("नमस्ते, ਸਤ ਸ੍ਰੀ ਅਕਾਲ 😀", "Hindi", final=True, timestamp=1.0))
    assert isinstance(message, str)
    assert "नमस्ते, ਸਤ ਸ੍ਰੀ ਅਕਾਲ 😀" in message


def test_half_a_surrogate_pair_cannot_break_the_socket() -> None:
    assert sent(begun(), Problem("a\ud800b")) == [{"type": "error", "message": "a?b"}]


def test_partials_that_nobody_wants_are_not_sent() -> None:
    session = begun(partials=False)
    assert sent(session, Transcript("he", "English", final=False, timestamp=1.0)) == []
    assert len(sent(session, Transcript("hello", "English", final=True, timestamp=1.0))) == 1


def test_a_problem_is_an_error_even_before_the_session_began() -> None:
    assert sent(protocol(), Problem("field type: got 7")) == [{"type": "error", "message": "field type: got 7"}]


@pytest.mark.parametrize(
    "command", [Play(b""), Mark("1"), Clear(), Hangup(), Transfer("x"), SendDtmf("1")], ids=lambda c: type(c).__name__
)
def test_what_the_wire_cannot_do_is_our_fault(command: Command) -> None:
    with pytest.raises(LocalProtocolError, match=type(command).__name__):
        begun().send(command)


def test_a_transcript_before_the_session_began_is_our_fault() -> None:
    with pytest.raises(LocalProtocolError, match="before the session"):
        protocol().send(Transcript("", "", final=True, timestamp=1.0))


def test_it_declares_transcripts_and_nothing_else() -> None:
    can = PlainProtocol.capabilities
    assert can.transcripts
    assert not any((can.audio_out, can.clear, can.mark, can.hangup, can.transfer, can.dtmf_out, can.send_ahead_ms))
