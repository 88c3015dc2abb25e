import pytest

from telephony.deepgram_query import MAX_KEYTERMS, ListenOptions, listen_options
from telephony.events import AudioFormat, Encoding
from telephony.malformed import Refused

NAMES = {"en-US": "English", "hi": "Hindi"}


def language_of(tag: str) -> str:
    if tag not in NAMES:
        raise Refused(f"language {tag!r}: the engine knows English, Hindi")
    return NAMES[tag]


def asked(query: str) -> ListenOptions:
    pairs = [(name, value) for name, _, value in (one.partition("=") for one in query.split("&"))]
    return listen_options(pairs, language_of=language_of)


@pytest.mark.parametrize(
    ("query", "audio"),
    [
        ("encoding=linear16&sample_rate=16000", AudioFormat(Encoding.L16, 16_000)),
        ("encoding=linear32&sample_rate=48000", AudioFormat(Encoding.FLOAT32, 48_000)),
        ("encoding=mulaw", AudioFormat(Encoding.MULAW, 8000)),
        ("encoding=alaw&sample_rate=8000&channels=1", AudioFormat(Encoding.ALAW, 8000)),
    ],
)
def test_audio_is_what_the_query_says(query: str, audio: AudioFormat) -> None:
    assert asked(query).audio == audio


def test_the_query_of_a_telephone_application_is_understood() -> None:
    options = asked(
        "model=nova-3&encoding=mulaw&sample_rate=8000&language=en-US&interim_results=true&endpointing=300"
        "&utterance_end_ms=1000&vad_events=true&smart_format=true&punctuate=true&diarize=false&tag=shop"
        "&keyterm=museum&keyterm=Lena+Ruiz&keywords=leader:2"
    )
    assert options.endpointing and options.vad_events and options.utterance_end_ms == 1000
    recognition = options.recognition
    assert (recognition.language, recognition.endpoint_ms) == ("English", 300)
    assert recognition.partials and recognition.words
    assert recognition.context == "museum, Lena+Ruiz, leader"


def test_what_was_not_asked_for_is_as_deepgram_has_it() -> None:
    options = asked("encoding=mulaw")
    assert not options.recognition.partials and not options.vad_events and not options.utterance_end_ms
    assert options.endpointing and options.recognition.endpoint_ms is None
    assert options.recognition.language is None


@pytest.mark.parametrize(
    ("value", "told", "endpoint_ms"),
    [("false", False, None), ("true", True, None), ("10", True, 200), ("0", True, 200), ("500", True, 500)],
)
def test_endpointing_is_a_silence_or_not_told(value: str, told: bool, endpoint_ms: int | None) -> None:
    options = asked(f"encoding=mulaw&endpointing={value}")
    assert (options.endpointing, options.recognition.endpoint_ms) == (told, endpoint_ms)


def test_any_language_may_be_spoken_where_several_are_asked_for() -> None:
    assert asked("encoding=mulaw&language=multi").recognition.language is None


def test_pairs_of_the_client_are_kept_for_the_metadata() -> None:
    assert asked("encoding=mulaw&extra=id:7&extra=when:10:30&redact=false").extra == {"id": "7", "when": "10:30"}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("sample_rate=8000", "encoding"),
        ("encoding=opus&sample_rate=48000", "linear16"),
        ("encoding=linear16", "sample_rate"),
        ("encoding=linear16&sample_rate=fast", "sample_rate"),
        ("encoding=linear16&sample_rate=²", "sample_rate"),
        ("encoding=linear16&sample_rate=4000", "from 8000 to 48000"),
        ("encoding=mulaw&channels=2", "channels"),
        ("encoding=mulaw&multichannel=true", "multichannel"),
        ("encoding=mulaw&diarize=true", "diarize"),
        ("encoding=mulaw&diarize=perhaps", "diarize"),
        ("encoding=mulaw&redact=pci", "redact"),
        ("encoding=mulaw&redact=true", "redact"),
        ("encoding=mulaw&diarize_model=latest", "diarize_model"),
        ("encoding=mulaw&extra=nothing", "extra"),
        ("encoding=mulaw" + "&extra=a:b" * 21, "extra"),
        ("encoding=mulaw&callback=http://x", "callback"),
        ("encoding=mulaw&no_such_thing=1", "no_such_thing"),
        ("encoding=mulaw&endpointing=soon", "endpointing"),
        ("encoding=mulaw&endpointing=-5", "endpointing"),
        ("encoding=mulaw&utterance_end_ms=1000", "interim_results"),
        ("encoding=mulaw&interim_results=true&utterance_end_ms=200", "utterance_end_ms"),
        ("encoding=mulaw&interim_results=yes", "interim_results"),
        ("encoding=mulaw&language=tlh", "tlh"),
        ("encoding=mulaw&keyterm=" + "x" * 300, "keyterm"),
        ("encoding=mulaw" + "&keyterm=x" * (MAX_KEYTERMS + 1), "keyterm"),
    ],
)
def test_what_cannot_be_given_is_refused_by_name(query: str, named: str) -> None:
    with pytest.raises(Refused, match=named):
        asked(query)
