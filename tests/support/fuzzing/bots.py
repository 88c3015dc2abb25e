"""Targets in bot/: answers of hooks and of models, and text on its way to the voice."""

import json
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Final

from bot import spoken
from bot.actions import PlayFile
from bot.api import CallInfo, Line, Speaker, Turn
from bot.languages import named, tag_of
from bot.model_markup import ModelMarkup
from bot.openai.chunks import Calls, NoChunk, ToolCall, read
from bot.openai.messages import Exchange, Round, conversation
from bot.openai.sse import EventStream
from bot.sentences import LONGEST, SentenceCutter
from bot.tools import describe
from bot.webhook.addresses import is_public
from bot.webhook.audio_files import as_wav
from bot.webhook.configuration import Configuration
from bot.webhook.conversation_relay import dialect, twiml
from bot.webhook.conversation_relay.dialect import Token
from bot.webhook.conversation_relay.settings import RelaySettings
from bot.webhook.conversation_relay.signature import upgrade_signature
from bot.webhook.conversation_relay.talk_cycles import TalkCycles
from bot.webhook.conversation_relay.token_speech import TokenSpeech
from bot.webhook.fault import HookFailed
from bot.webhook.replies import Fetch, Item, Reader
from fuzzing.target import Target, clean, is_text, messages, pieces, records

_HOOK: Final = Configuration(url="https://hook.example/bot")
_KINDS: Final = ("text/plain", "application/x-ndjson", "application/json", "text/event-stream")
_LANGUAGES: Final = ("English", "en-GB", "German", "Spanish", "French", "Hindi", "Klingon", "")
_LONGEST_COMPLAINT: Final = 1000
_SPOKEN: Final = "addresses code dates identifiers keys languages money numbers phones units".split()
_WORDINGS: Final = "english french german hindi spanish".split()


def _replies(data: bytes) -> None:
    """Records: how the answer is cut, its content type, and the answer."""
    sizes, kind, answer = (*data.split(b"\x1e", 2), b"", b"")[:3]
    whole = _items(clean(kind), answer, b"")
    assert whole == _items(clean(kind), answer, sizes), "how an answer is cut makes no difference"
    for item in whole:
        if isinstance(item, Fetch):
            _HOOK.recording(item.url)
    for each in _KINDS:
        _items(each, data, b"")


def _items(kind: str, answer: bytes, sizes: bytes) -> list[Item | str]:
    found: list[Item] = []
    try:
        reader = Reader(kind)
        for piece in pieces(answer, sizes):
            found += reader.feed(piece)
        found += reader.end()
    except HookFailed as why:
        assert 0 < len(str(why)) <= _LONGEST_COMPLAINT
        return ["failed"]
    if kind.partition(";")[0].strip().lower() == "text/plain":
        return ["".join(map(str, found))]
    return list(found)


def _relay(data: bytes) -> None:
    settings, cycles, speech = RelaySettings(), TalkCycles(), TokenSpeech()
    for message in messages(data):
        try:
            understood = dialect.understand(message, settings)
        except dialect.NotUnderstood as why:
            assert len(str(why)) <= _LONGEST_COMPLAINT
            json.loads(dialect.error(str(why)))
        else:
            assert len(understood.items) <= 10
            settings = understood.settings or settings
            assert not understood.answer or json.loads(understood.answer)["type"] == "configUpdated"
            cycles.wanted(speaks=understood.speaks, last=understood.last, preemptible=understood.preemptible)
            for item in understood.items:
                assert not isinstance(item, Token) or list(speech.say(item, settings))[-1] == item.text != ""
    said = clean(data)
    for told in (dialect.prompt(said, said), dialect.dtmf(said), dialect.setup(CallInfo(said, said, said), said)):
        assert isinstance(json.loads(told), dict)


def _chunks(data: bytes) -> None:
    """Each record is the JSON of one chunk of a streamed answer."""
    _events(data)
    calls = Calls()
    for record in records(data):
        try:
            delta = read(clean(record))
        except NoChunk as why:
            assert 0 < len(str(why)) <= max(_LONGEST_COMPLAINT, len(record))
            continue
        assert is_text(delta.text)
        assert len(delta.text) + len(delta.reason) <= len(record)
        calls.add(delta.calls)
    for call in calls.whole:
        assert call.name and isinstance(call.arguments, str)
        _told_again(call)


def _events(data: bytes) -> None:
    sizes, _, answer = data.partition(b"\x1e")
    try:
        whole = EventStream()
        found = [*whole.feed(answer), *whole.end()]
    except ValueError:
        return
    cut = EventStream()
    again = [event for piece in pieces(answer, sizes) for event in cut.feed(piece)]
    assert [*again, *cut.end()] == found, "how a response is cut makes no difference"


def _told_again(call: ToolCall) -> None:
    exchange = Exchange(0, "hello", [Round("One moment.", [call], ["done"])])
    turn = Turn(CallInfo("c"), "hello, are you there?", "English", history=[Line(Speaker.BOT, "Hi")])
    for message in conversation("", turn, [exchange], memory=10, now=exchange):
        for asked in _dicts(message.get("tool_calls")):
            function = asked["function"]
            assert isinstance(function, dict) and isinstance(json.loads(function["arguments"]), dict)


def _dicts(found: object) -> Sequence[dict[str, object]]:
    return found if isinstance(found, list) else ()


async def _order(number: int, *, note: str = "", lines: list[str] | None = None) -> str:
    """Look up where an order is."""
    return f"{number}{note}{lines}"


_TOOL: Final = describe(_order)


def _arguments(data: bytes) -> None:
    try:
        checked = _TOOL.check(clean(data))
    except ValueError:
        return
    assert isinstance(checked["number"], int)


def _sentences(data: bytes) -> None:
    """The first record says how the text is cut."""
    sizes, _, rest = data.partition(b"\x1e")
    text = clean(rest)
    at = [0]
    for size in sizes:
        at.append(at[-1] + size)
    cut = [text[a:b] for a, b in zip(at, [*at[1:], len(text)], strict=True)]
    for eager, language in product((True, False), ("", "English", "German")):
        whole = _cut([text], eager=eager, language=language)
        assert "".join("".join(whole).split()) == "".join(text.split())
        assert all(0 < len(one) <= LONGEST and one == one.strip() for one in whole)
        assert _cut(cut, eager=eager, language=language) == whole


def _cut(texts: Sequence[str], *, eager: bool, language: str) -> list[str]:
    cutter = SentenceCutter(eager=eager, language=language)
    return [sentence for text in texts for sentence in cutter.feed(text)] + cutter.flush()


def _model_markup(data: bytes) -> None:
    """The first record says how the text is cut."""
    sizes, _, rest = data.partition(b"\x1e")
    text = clean(rest)
    whole, taken_back = _passed([text])
    assert len(whole) <= len(text)
    cut, at = [], 0
    for size in sizes:
        cut.append(text[at : at + size])
        at += size
    if not taken_back:  # how much is, depends on what had left
        assert _passed([*cut, text[at:]])[0] == whole == _passed(list(text))[0]


def _passed(texts: Sequence[str]) -> tuple[str, bool]:
    """Return what is passed of `texts`, and whether something was taken back."""
    markup, passed, taken_back = ModelMarkup(), "", False
    for text in texts:
        passed += markup.feed(text)
        taken_back |= markup.thoughts_before
    return passed + markup.flush(), taken_back


def _spoken(data: bytes) -> None:
    text = clean(data)
    for language in _LANGUAGES:
        said = spoken.spoken(text, language)
        assert said == " ".join(said.split())
        assert len(said) <= 100 * (len(text) + 10)
    blocks = spoken.CodeBlocks()
    for line in text.splitlines():
        assert len(blocks.outside(line)) <= len(line)


def _markup(data: bytes) -> None:
    text = clean(data)
    out = spoken.plain(text)
    assert out == " ".join(out.split()) and len(out) <= 4 * len(text)


def _languages(data: bytes) -> None:
    language, known, *_ = [clean(record) for record in (*records(data), b"")]
    assert named(named(language)) in {named(language), named(named(language))}
    tag_of(language, known)


def _recording(data: bytes) -> None:
    """A WAV file, as a hook or a bot may have it played."""
    from bridge.speaking.wav import read_wav  # it brings numpy's resampler: only where it is tried

    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        Path(file.name).write_bytes(data)
        played = PlayFile(file.name)
        with suppress(ValueError):
            samples = read_wav(played.path, 8000, longest_s=60)
            assert samples.ndim == 1 and len(samples) <= 8000 * 61


def _instructions(data: bytes) -> None:
    """An answer of an application in TwiML."""
    try:
        instructions = twiml.read(data, "https://app.example/twiml")
    except HookFailed as why:
        assert 0 < len(str(why)) <= _LONGEST_COMPLAINT
        return
    for step in instructions.steps:
        if isinstance(step, twiml.Connection):
            json.loads(dialect.setup(CallInfo("x", parameters=step.parameters), "VX1"))
            upgrade_signature("t0ken", step.url)


def _audio(data: bytes) -> None:
    """A recording of any form, as an application may have it played."""
    with suppress(ValueError):
        assert as_wav(data)[:4] == b"RIFF"
    for address in records(data):
        is_public(clean(address))


TARGETS: Final = (
    Target("replies", _replies, ["bot.webhook.replies", "bot.webhook.configuration", "bot.actions"]),
    Target(
        "relay",
        _relay,
        [
            "bot.webhook.conversation_relay.dialect",
            "bot.webhook.conversation_relay.settings",
            "bot.webhook.conversation_relay.token_speech",
            "bot.webhook.conversation_relay.talk_cycles",
            "bot.webhook.replies",
            "bot.actions",
        ],
    ),
    Target("chunks", _chunks, ["bot.openai.chunks", "bot.openai.sse", "bot.openai.messages"]),
    Target("arguments", _arguments, ["bot.tools"]),
    Target("sentences", _sentences, ["bot.sentences", "bot.abbreviations"]),
    Target("model-markup", _model_markup, ["bot.model_markup"]),
    Target(
        "spoken",
        _spoken,
        [f"bot.spoken.{name}" for name in _SPOKEN] + [f"bot.spoken.wordings.{name}" for name in _WORDINGS],
    ),
    Target("markup", _markup, ["bot.spoken.markup"]),
    Target("languages", _languages, ["bot.languages"]),
    Target(
        "relay-twiml",
        _instructions,
        ["bot.webhook.conversation_relay.twiml", "bot.webhook.conversation_relay.signature"],
    ),
    Target("audio-file", _audio, ["bot.webhook.audio_files", "bot.webhook.addresses"]),
    Target("recording", _recording, ["bridge.speaking.wav", "bot.webhook.recordings"]),
)
