"""All there is to know to write a bot or a voice."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from bot.actions import Action
from bot.notes import MOST_NOTES, CallNote
from bot.say import Expect, Heard, Say

__all__ = [
    "Action",
    "Bot",
    "CallInfo",
    "CallNote",
    "Expect",
    "Final",
    "Heard",
    "Line",
    "Partial",
    "Samples",
    "Say",
    "Speaker",
    "Tts",
    "Turn",
]

Samples = npt.NDArray[np.float32]
"""Mono float32 in [-1, 1], shape (n,)."""


@dataclass(frozen=True, slots=True)
class CallInfo:
    """Who calls whom, over what."""

    call_id: str
    caller: str = ""
    callee: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the webhook, the dial plan or whoever ordered the call passed along."""
    direction: str = "inbound"
    """Or "outbound": the bridge placed the call, and `callee` is who answers."""
    caller_name: str = ""
    """The name that the network shows for the caller. Anybody may have chosen it: it proves nothing."""
    forwarded_from: str = ""
    """The number that was called first, where the call was forwarded to us."""
    stir_verstat: str = ""
    """How far the networks vouch for `caller`, in the words of STIR/SHAKEN: "TN-Validation-Passed-A" is the most;
    "" is not known."""


@dataclass(frozen=True, slots=True)
class Partial:
    """What the caller seems to be saying; the next one may differ."""

    text: str
    language: str
    """English name, e.g. "English"."""


@dataclass(frozen=True, slots=True)
class Final:
    """One utterance of the caller, settled. Every one arrives exactly once, in order."""

    text: str
    language: str
    began_ms: int
    """Media time: milliseconds since the call began."""
    ended_ms: int
    words: Sequence[tuple[str, int, int]] = ()
    """Each with the media time at which it begins and ends, where that was asked for and is known."""


class Speaker(StrEnum):
    CALLER = "caller"
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the conversation. The bot's hold only what the caller has heard."""

    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """The caller has spoken and it is the bot's turn."""

    call: CallInfo
    text: str
    """All the caller has said since the bot was last heard."""
    language: str
    """English name; that of the call, unless the newest words were clearly in another."""
    history: Sequence[Line] = ()
    """The conversation before this turn."""
    keys: str | None = field(default=None, repr=False)  # they may be secret
    """What was pressed, "" nothing in time, where the turn answers a `Collect`; None: the caller spoke."""
    carry: Mapping[str, object] = field(default_factory=dict)
    """What the bots before this one handed over (`Handoff`)."""


class Bot:
    """Base of a bot; one instance a call, so attributes may hold the state of the call. Override what you need.

    One more instance is made at start-up, without a call: a bot that cannot be made must show before the first call.

    An exception in a hook is logged and the caller hears the fallback sentence; the call goes on.

    Hooks run on the event loop, which must not be blocked: `await asyncio.to_thread(work)`. One written as plain `def`,
    generators too, runs in a thread by itself.
    """

    speculates: ClassVar[bool] = False
    """True: `reply` may be begun at a pause that is likely to end the caller's turn, before it has. It runs up to its
    first sentence, which nobody hears yet; if the caller says more it is cancelled, and begun anew for all of it. Say
    so only where `reply` does nothing but make text: what it books, sends or counts it may do for words that were
    never the whole question, and twice."""

    asks_silent_callers: bool = True
    """False: who says nothing is neither asked nor hung up on, whatever --no-input-timeout says."""

    follows_playout: bool = False
    """True: `on_played` and `on_speaking` are called."""

    hears_partials: bool = True
    """False: `on_partial` is not called. The bridge decodes less where nobody waits for partials."""

    __cued = __preempting = False  # of the class, so that a bot with an `__init__` of its own need not call ours
    __notes: Sequence[CallNote] = ()

    async def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:
        """The call has begun: yield a greeting, or nothing."""
        nothing: tuple[str, ...] = ()
        for text in nothing:
            yield text

    async def on_answered(self, by: str) -> None:
        """Who answered a call that the bridge placed: "human", "machine", or "unknown", who says nothing.

        Only with --machine-detection, and before `on_call`, which a machine gets to hear after its beep with tell.
        """

    async def on_takeover(self, turn: Turn) -> AsyncIterator[str | Action]:
        """This bot takes the call from another (`Handoff`): yield what to say first, or nothing. No `on_call` comes.

        `turn.text` is what the caller said last, to which the other may have said something.
        """
        nothing: tuple[str, ...] = ()
        for text in nothing:
            yield text

    async def on_partial(self, partial: Partial) -> None:
        """The caller is speaking. Partials that come while this one is handled are skipped, newest wins. What turns out
        to be no words gets no `on_final`: its last partial has the text "", once."""

    async def on_final(self, final: Final) -> None:
        """An utterance is settled; `reply` follows unless the caller goes on speaking.

        Nor does it follow an "mm-hm" while the bot speaks, or a "hello?" before a word of its reply was heard. The
        bot's own voice, echoed, is no utterance. Nobody waits for this: `reply` may begin before it returns, and more
        be said. What happens on a call is told one by one, in order: this, keys and interruptions.
        """

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        """Yield the answer as it is made; each sentence is spoken as soon as it is whole. `Say` says more than a str.

        Actions (bot/actions.py) are done in their place: `yield Transfer("+4930123456")`, once all before it was heard.

        Not asked for more while it is not clear whether the caller interrupts; cancelled (asyncio.CancelledError at
        the current await) once it is.
        """
        nothing: tuple[str, ...] = ()
        for text in nothing:
            yield text

    async def on_silence(self, count: int) -> AsyncIterator[str | Action]:
        """The caller has said nothing for --no-input-timeout, for the `count`th time in a row: yield what to ask, or
        nothing to have --no-input-text asked. After --no-input-prompts of them the bridge says goodbye and hangs up."""
        nothing: tuple[str, ...] = ()
        for text in nothing:
            yield text

    def cue(self) -> None:
        """Ask to speak though the caller said nothing: `on_cue` is asked once neither side speaks. Call it at any time,
        in the event loop: a search is done, an order is ready. Before the call it is kept until then."""
        self.__cued = True

    def take_cue(self) -> bool:
        """Return whether `cue` was called since this was asked last. The bridge asks it while the line is free."""
        cued, self.__cued = self.__cued, False
        return cued

    def preempt(self) -> None:
        """Ask that what this bot says now end, for what it says next: `on_cue`, after `cue`. Nobody interrupted it, so
        `on_interrupted` is not called."""
        self.__preempting = True

    def take_preemption(self) -> bool:
        """Return whether `preempt` was called since this was asked last. The bridge asks it all the time."""
        preempting, self.__preempting = self.__preempting, False
        return preempting

    def note(self, name: str, text: str = "", **data: object) -> None:
        """Keep something in the call's record (docs/records.md): `self.note("booked", "Tuesday at nine", table=4)`.

        Call it at any time, in the event loop. `data`: what JSON has.
        """
        self.__notes = [*self.__notes, CallNote(name, text, data)][-MOST_NOTES:]

    def take_notes(self) -> Sequence[CallNote]:
        """Return what `note` was told since this was asked last. The bridge asks it all the time."""
        notes, self.__notes = self.__notes, ()
        return notes

    async def on_cue(self) -> AsyncIterator[str | Action]:
        """The line is free, after `cue`: yield what there is to say, or nothing."""
        nothing: tuple[str, ...] = ()
        for text in nothing:
            yield text

    async def on_language(self, language: str) -> None:
        """The caller speaks `language`, an English name: found out by their first turns, or another from now on."""

    async def on_dtmf(self, digit: str) -> None:
        """The caller pressed a key: one of 0-9 * # A-D."""

    async def on_interrupted(self, heard: Heard) -> None:
        """The caller barged in; `heard`, a str, is what reached the caller of the reply. Not called for a cough."""

    async def on_played(self, text: str) -> None:
        """The caller has heard these words, too, of what the bot says."""

    async def on_speaking(self, speaker: Speaker, speaking: bool) -> None:
        """One side begins or ends to speak, pauses included."""

    async def on_drain(self) -> None:
        """The server takes no new calls and will end: this one may go on for --drain-timeout, 600 s unless set.

        Nothing has to be done. A bot whose calls are long may come to an end, e.g. by `cue` and a `Hangup` in `on_cue`.
        """

    async def on_end(self, reason: str) -> None:
        """The call is over."""


class Tts(Protocol):
    """A voice, shared by all calls.

    One that has a `language` (English name, e.g. "German") is given figures, money and dates in the words of that
    language; others are given them as written. One that has `scripts`, the first words of the Unicode names of the
    letters that it reads (("LATIN",) or ("DEVANAGARI", "LATIN")), is not given sentences in others, which are counted
    and logged; of one without it everything is tried. One with `takes_ipa = True` is given phonemes in slashes, too.
    `voice(name)` returns another of its voices or raises RuntimeError, `at_speed(factor)` the same one at 0.5 to 2
    times its pace: both share what is loaded, and are closed with it. `voices()`, of the class, maps the names of its
    voices to their languages.
    """

    sample_rate: int
    """Hertz of what `speak` yields."""

    def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        """Yield the audio of one sentence in order, as it is made. Never blocks the event loop.

        Raises:
            RuntimeError: the voice failed; the caller hears the fallback recording instead.
        """

    def close(self) -> None:
        """Free what was loaded."""
