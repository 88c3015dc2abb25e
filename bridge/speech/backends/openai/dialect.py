"""What one server understands beyond the common API, as far as has been found out, and what audio it keeps. Pure."""

import secrets
from collections import OrderedDict
from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from bridge.speech.api import SAMPLE_RATE, BadRequest, Request, SpeechError
from bridge.speech.backends import marks, qwen3
from bridge.speech.backends.openai import messages
from bridge.speech.backends.openai.messages import LOOP, Sound
from bridge.speech.backends.openai.profile import ServerProfile

_REMEMBERED: Final = 4096
"""Windows that a server is believed to have: more than its cache of 4 GiB holds, at 0.4 MB each, seldom helps."""

_CHAT_EXTRAS: Final = "logprobs priority repetition_detection top_logprobs uuid".split()
_TRANSCRIPTION_EXTRAS: Final = "max_completion_tokens verbose_json".split()

_NOT_KEPT: Final = "cache miss"
"""What vLLM says where it is given the name of a window that it has not, or no longer."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One decode as one server is asked for it."""

    body: bytes
    content_type: str
    extras: Set[str]
    """What it asks for beyond the common API."""
    told: tuple[str, ...] = ()
    """Names of the windows that it holds."""
    omitted: tuple[str, ...] = ()
    """Names of those it only refers to."""


class Dialect:
    """Learns from refusals: what a server has once accepted is not doubted, what it refuses is left out for good.

    All of it makes decodes faster or easier to cut up, or tells more of them, and none of it changes what is heard.
    """

    def __init__(self, profile: ServerProfile, *, remembered: int = _REMEMBERED) -> None:
        """`remembered`: windows of which it is believed at most that the server has them."""
        self._profile, self._remembered = profile, remembered
        self._chats = profile.api == "chat"
        self._extras = frozenset(_CHAT_EXTRAS if self._chats else _TRANSCRIPTION_EXTRAS)
        self._proven: frozenset[str] = frozenset()
        self._omits = True
        self._kept: OrderedDict[str, None] = OrderedDict()
        # Servers keep audio by name for everybody who asks them: two bridges may both have a "call 1".
        self._ours = secrets.token_hex(8)

    def say(self, request: Request, *, without: Set[str] = frozenset(), whole: bool = False) -> Saying:
        """Return how to ask for `request`; `whole`: with all of its audio."""
        extras = self._extras - without
        return self._chat(request, extras, whole=whole) if self._chats else self._transcription(request, extras)

    def accepted(self, saying: Saying, *, without: Set[str] = frozenset(), refused: SpeechError | None = None) -> None:
        """Conclude from an answer to `saying`, which the server had refused with what it is `without`.

        `refused`: what it said to the same with windows only named.
        """
        self._extras -= without
        if isinstance(refused, BadRequest) and _NOT_KEPT not in str(refused).casefold():
            self._omits = False  # it takes names, but not without the audio
        self._proven |= saying.extras
        for name in (*saying.told, *saying.omitted):
            self._kept[name] = None
            self._kept.move_to_end(name)
        while len(self._kept) > self._remembered:
            self._kept.popitem(last=False)

    def forget(self, saying: Saying) -> None:
        """No longer believe that the server has what `saying` only named."""
        for name in saying.omitted:
            self._kept.pop(name, None)

    def doubtful(self, saying: Saying, error: BadRequest) -> Set[str]:
        """Return what to leave out after `error`: the extras it names, else all that were never accepted."""
        doubtful = saying.extras - self._proven
        complaint = str(error).casefold()
        return {name for name in doubtful if name.partition("_")[0] in complaint} or doubtful

    def _chat(self, request: Request, extras: Set[str], *, whole: bool) -> Saying:
        sounds = self._sounds(request, named="uuid" in extras, whole=whole)
        fields = {name: value for name, value in _chat_extras(request).items() if name in extras}
        body = messages.chat(request, sounds, model=self._profile.model) | fields
        named = [sound for sound in sounds if sound.name]
        return Saying(
            messages.encoded(body),
            "application/json",
            fields.keys() | ({"uuid"} if named else set()),
            told=tuple(str(sound.name) for sound in named if sound.audio is not None),
            omitted=tuple(str(sound.name) for sound in named if sound.audio is None),
        )

    def _transcription(self, request: Request, extras: Set[str]) -> Saying:
        fields = messages.transcription(request, model=self._profile.model)
        used = set(extras)
        if "max_completion_tokens" in extras:
            fields["max_completion_tokens"] = str(_most_tokens(request))
        if "verbose_json" in extras and not request.language:
            fields["response_format"] = "verbose_json"  # it tells the language
        else:
            used.discard("verbose_json")
        return Saying(*messages.multipart(fields, messages.wav(request.audio)), used)

    def _sounds(self, request: Request, *, named: bool, whole: bool) -> list[Sound]:
        if not self._profile.windows:
            return [Sound(request.audio)]
        names = qwen3.window_ids(request.audio, f"{self._ours}-{request.key}" if named and request.key else "")
        known = self._kept.keys() if self._omits and not whole else frozenset[str]()
        pairs = zip(qwen3.windows(request.audio), names, strict=True)
        return [Sound(None if name in known else audio, name) for audio, name in pairs]


def _chat_extras(request: Request) -> dict[str, object]:
    fields: dict[str, object] = {"logprobs": True, "repetition_detection": dict(LOOP)}
    if marks.wanted_for(request):
        fields["top_logprobs"] = marks.LIKELIEST
    if request.priority:  # 0 is what every server takes for granted, and would prove nothing
        fields["priority"] = request.priority
    return fields


def _most_tokens(request: Request) -> int:
    """Return the most tokens that anybody can say, so that a model which loops is stopped."""
    return 32 + int(25 * len(request.audio) / SAMPLE_RATE)
