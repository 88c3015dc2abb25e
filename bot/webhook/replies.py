"""What a hook answers, as it comes in: text, JSON lines, server-sent events, or one JSON document. Pure.

{"say": "One moment."}   {"say": "This is recorded.", "interruptible": false}   {"transfer": "+4930123456"}
{"transfer": "+4930123456", "consult": "A caller about an invoice. Press 1.", "accept": "1", "returns": true}
{"hangup": true}   {"collect": {"digits": 8}}   {"play": "/hold.wav"}   {"dtmf": "12#"}   {"language": "German"}
{"info": {"intent": "billing"}, "headers": {"X-Session": "7"}}
"""

import codecs
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bot.actions import (
    Action,
    Collect,
    Hangup,
    PauseRecording,
    ResumeRecording,
    SendDtmf,
    SendInfo,
    SetLanguage,
    SetVoice,
    Transfer,
)
from bot.api import Say
from bot.languages import named
from bot.webhook.fault import HookFailed
from bot.webhook.fields import Fields, text_of, truth_of, whole_of

_LONGEST_LINE: Final = 65_536


@dataclass(frozen=True, slots=True)
class Fetch:
    """A recording that must be fetched before it can be played."""

    url: str
    """As the hook wrote it; it may be relative to the hook's own."""
    interruptible: bool = True
    keys_interrupt: bool = False


Item = str | Action | Fetch


class Reader:
    """Bytes of one response in, what to say and do out, each as soon as it is whole."""

    def __init__(self, content_type: str) -> None:
        """Raises:
        HookFailed: no form that is read here.
        """
        kind = content_type.partition(";")[0].strip().lower()
        forms: Mapping[str, Callable[[str, bool], Iterator[Item]]] = {
            "text/plain": self._plain,
            "application/x-ndjson": self._lines,
            "application/jsonl": self._lines,
            "application/json": self._document,
            "text/event-stream": self._events,
        }
        if kind not in forms:
            told = _short(kind or "no content type")
            raise HookFailed(f"the hook answers with {told}: one of {', '.join(forms)} is read")
        self._form = forms[kind]
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> Iterator[Item]:
        """Yield what has become whole.

        Raises:
            HookFailed: it cannot be understood.
        """
        return self._read(data, end=False)

    def end(self) -> Iterator[Item]:
        """Yield what was left. Raises as `feed`."""
        return self._read(b"", end=True)

    def _read(self, data: bytes, *, end: bool) -> Iterator[Item]:
        try:
            self._text += self._decoder.decode(data, end)
        except UnicodeDecodeError:
            raise HookFailed("the hook's answer is not UTF-8") from None
        return self._form(self._text, end)

    def _plain(self, text: str, end: bool) -> Iterator[Item]:
        self._text = ""
        if text:
            yield text

    def _lines(self, text: str, end: bool) -> Iterator[Item]:
        for line in self._split(end=end):
            if line.strip():
                yield from items(_json(line))

    def _document(self, text: str, end: bool) -> Iterator[Item]:
        if end and text.strip():
            yield from items(_json(text))

    def _events(self, text: str, end: bool) -> Iterator[Item]:
        for line in [*self._split(end=end), *([""] if end else [])]:
            field, _, value = line.partition(":")
            if field == "data":
                self._data.append(value.removeprefix(" "))
            elif not line and self._data:
                data, self._data = "\n".join(self._data), []
                if data.strip() != "[DONE]":
                    yield from items(_json(data))

    def _split(self, *, end: bool) -> list[str]:
        *whole, rest = self._text.replace("\r\n", "\n").split("\n")
        self._text = "" if end else rest
        if len(self._text) > _LONGEST_LINE:
            raise HookFailed("a line of the hook's answer is too long")
        return [*whole, rest] if end and rest else whole


def items(value: object) -> Iterator[Item]:
    """Yield what a piece of JSON asks for: an object, a list of them, or a text to say.

    Raises:
        HookFailed: it asks for nothing that is known here.
    """
    waiting = [value]  # a list in a list in a list must not reach the end of Python's stack
    while waiting:
        match each := waiting.pop():
            case str():
                yield each
            case list():
                waiting += reversed(each)
            case dict():
                yield _item(each)
            case _:
                raise HookFailed(f"the hook says {_short(each)}: an object, a list or a text is understood")


def _item(value: Fields) -> Item:
    verbs = [name for name in _VERBS if name in value]
    if len(verbs) != 1:
        raise HookFailed(f"the hook says {_short(value)}: it must name one of {', '.join(_VERBS)}")
    try:
        return _VERBS[verbs[0]](value)
    except (ValueError, TypeError, OverflowError) as error:  # OverflowError: a whole number that no float holds
        raise HookFailed(f"the hook says {_short(value)}: {_short(str(error))}") from None


def _say(value: Fields) -> Item:
    text = text_of(value, "say")
    if value.keys() == {"say"}:
        return text  # as a piece of a sentence that may go on
    return Say(
        text,
        interruptible=truth_of(value, "interruptible", default=True),
        expect=text_of(value, "expect", "anything"),
        digits=whole_of(value, "digits", 0),
    )


def _collect(value: Fields) -> Item:
    how = value["collect"]
    if not isinstance(how, dict):
        raise TypeError("collect is an object, e.g. {digits: 8}")
    seconds = how.get("timeout_s", 5.0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError("timeout_s is a number")
    secret = truth_of(how, "secret", default=False)
    return Collect(whole_of(how, "digits", 0), text_of(how, "terminator", "#"), float(seconds), secret)


def _recording(value: Fields) -> Item:
    match value["recording"]:
        case "pause":
            return PauseRecording()
        case "resume":
            return ResumeRecording()
    raise ValueError('recording is "pause" or "resume"')


def _info(value: Fields) -> Item:
    body, headers = value["info"], value.get("headers", {})
    if not isinstance(body, str | dict):
        raise TypeError("info is a text or an object")
    if not isinstance(headers, dict) or not all(isinstance(text, str) for text in headers.values()):
        raise TypeError("headers is an object of texts")
    return SendInfo(body, text_of(value, "content_type", ""), headers)


def _transfer(value: Fields) -> Item:
    texts = {name: text_of(value, name, "") for name in ("consult", "accept", "hold")}
    if texts["hold"].lower().endswith(".wav"):
        raise ValueError("hold is a text here: a hook reads no files of this machine")
    return Transfer(text_of(value, "transfer"), returns=truth_of(value, "returns", default=False), **texts)


def _hangup(value: Fields) -> Item:
    if value["hangup"] is True:
        return Hangup()
    return Hangup(text_of(value, "hangup"))


_VERBS: Final[Mapping[str, Callable[[Fields], Item]]] = {
    "say": _say,
    "transfer": _transfer,
    "hangup": _hangup,
    "collect": _collect,
    "play": lambda value: Fetch(text_of(value, "play"), truth_of(value, "interruptible", default=True)),
    "dtmf": lambda value: SendDtmf(text_of(value, "dtmf")),
    "info": _info,
    "recording": _recording,
    "language": lambda value: SetLanguage(named(text_of(value, "language"))),
    "voice": lambda value: SetVoice(text_of(value, "voice")),
}


def _json(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise HookFailed(f"the hook says {_short(text)}, which is no JSON") from None
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
