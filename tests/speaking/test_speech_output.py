"""The bot's voice on one call: what leaves, in what order, and that nothing leaves after an interruption."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

import numpy as np
import pytest
import sounding
from fakes import PHONE, FakeLeg, FakeTts
from sounding import Sounding

from bot.api import Samples, Tts
from bridge.speaking.reply_pieces import each_within
from bridge.speaking.script import script
from bridge.speaking.speech_output import SpeechOutput, once
from bridge.speaking.voices.voice import Voice
from bridge.speaking.voices.voices import Voices
from telephony.codec import decode
from telephony.events import AudioFormat, Capabilities, Clear, Command, Encoding, Mark, Play, Reply

MULAW = AudioFormat(Encoding.MULAW, 8000)
BARE = Capabilities(audio_out=True, send_ahead_ms=60_000)


class Clock:
    now_ms = 0

    def __call__(self) -> int:
        return self.now_ms


class GatedTts(FakeTts):
    """Speaks a sentence in chunks of 50 ms and waits for `gate` before chunk number `closed_at`."""

    def __init__(self, *, closed_at: int) -> None:
        super().__init__()
        self.gate, self.closed_at = asyncio.Event(), closed_at

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        for number, _ in enumerate(text.split()):
            if number == self.closed_at:
                await self.gate.wait()
            yield np.full(1200, 0.3, np.float32)


def speech_output(
    leg: FakeLeg, tts: Tts | None = None, clock_ms: Callable[[], int] | None = None, *, language: str = "English"
) -> SpeechOutput:
    return SpeechOutput(
        leg,
        tts or FakeTts(),
        MULAW,
        clock_ms=clock_ms or Clock(),
        on_audio=lambda: None,
        on_unread=lambda: None,
        start=asyncio.create_task,
        language=language,
    )


def sent_ms(commands: list[Command]) -> int:
    return sum(MULAW.duration_ms(play.payload) for play in commands if isinstance(play, Play))


def level(commands: list[Command]) -> float:
    """Return the middle level of what was sent."""
    payload = b"".join(play.payload for play in commands if isinstance(play, Play))
    return float(np.median(np.abs(decode(payload, Encoding.MULAW))))


async def settle() -> None:
    for _ in range(40):
        await asyncio.sleep(0)


# ---------------------------------------------------------------- saying


async def test_each_sentence_becomes_audio_with_a_mark_of_its_own_behind_it() -> None:
    leg = FakeLeg()
    await speech_output(leg).say(once("Hello you there. Good bye."))
    assert [type(command) for command in leg.sent] == [Play, Play, Mark, Play, Play, Mark]
    assert sent_ms(leg.sent[:3]) == pytest.approx(150, abs=20)
    assert sent_ms(leg.sent[3:]) == pytest.approx(100, abs=20)
    assert len({mark.name for mark in leg.of(Mark)}) == 2


async def test_payloads_are_whole_frames() -> None:
    leg = FakeLeg()
    await speech_output(leg).say(once("One two three four five six seven."))
    assert leg.of(Play) and all(len(play.payload) % 160 == 0 for play in leg.of(Play))


async def test_a_long_sentence_leaves_in_messages_of_400_ms() -> None:
    leg = FakeLeg()
    await speech_output(leg).say(once("word " * 30))
    assert max(len(play.payload) for play in leg.of(Play)) == 8 * 400
    assert sent_ms(leg.sent) == pytest.approx(1500, abs=20)


async def test_a_sentence_that_makes_no_sound_is_not_marked() -> None:
    class Mute(FakeTts):
        async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
            for _ in range(0):
                yield np.empty(0, np.float32)

    leg = FakeLeg()
    await speech_output(leg, Mute()).say(once("---"))
    assert leg.sent == []


async def test_a_recording_is_played_like_a_sentence() -> None:
    leg = FakeLeg()
    await speech_output(leg).play(np.full(4800, 0.2, np.float32), "Sorry.")
    assert sent_ms(leg.sent) == pytest.approx(200, abs=20)
    assert len(leg.of(Mark)) == 1


async def test_wires_that_want_text_get_each_sentence_before_its_audio() -> None:
    leg = FakeLeg(Capabilities(audio_out=True, transcripts=True, send_ahead_ms=60_000))
    await speech_output(leg).say(once("Hello you. Bye."))
    assert leg.of(Reply) == [Reply("Hello you."), Reply("Bye.")]
    assert isinstance(leg.sent[0], Reply)


async def test_a_voice_that_fails_lets_the_fault_out_and_keeps_what_was_sent() -> None:
    class Dying(FakeTts):
        closed = False

        async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
            try:
                yield np.full(2400, 0.3, np.float32)
                raise RuntimeError("out of breath")
            finally:
                self.closed = True

    leg, tts = FakeLeg(), Dying()
    with pytest.raises(RuntimeError, match="out of breath"):
        await speech_output(leg, tts).say(once("Hello."))
    assert sent_ms(leg.sent) > 0
    assert tts.closed


# ---------------------------------------------------------------- two at a time


async def test_a_recording_played_while_a_sentence_is_made_is_heard_behind_it_and_not_in_it() -> None:
    leg, tts = FakeLeg(), GatedTts(closed_at=2)
    output = speech_output(leg, tts)
    reply = asyncio.create_task(output.say(once("One two three four.")))
    await settle()
    begun_ms = sent_ms(leg.sent)
    recording = asyncio.create_task(output.play(np.full(4800, 0.2, np.float32), "Sorry."))
    await settle()
    assert sent_ms(leg.sent) == begun_ms, "it waits until the sentence is whole"
    tts.gate.set()
    await reply
    await recording
    first, second = (leg.sent.index(mark) for mark in leg.of(Mark))
    assert sent_ms(leg.sent[:first]) == pytest.approx(200, abs=20)
    assert sent_ms(leg.sent[first:second]) == pytest.approx(200, abs=20)
    assert level(leg.sent[:first]) == pytest.approx(0.3, abs=0.02)
    assert level(leg.sent[first:]) == pytest.approx(0.2, abs=0.02)


# ---------------------------------------------------------------- interrupting


async def test_an_interruption_ends_a_reply_in_the_middle_of_a_sentence_although_its_task_goes_on() -> None:
    leg, tts = FakeLeg(), GatedTts(closed_at=2)
    output = speech_output(leg, tts)
    reply = asyncio.create_task(output.say(once("One two three four. And this is never heard.")))
    await settle()
    before = list(leg.sent)
    assert sent_ms(before) > 0
    output.interrupt()
    tts.gate.set()
    await reply
    assert leg.sent == before


async def test_an_interruption_before_the_first_sound_leaves_nothing_of_the_reply_behind() -> None:
    leg, tts = FakeLeg(), GatedTts(closed_at=0)
    output = speech_output(leg, tts)
    reply = asyncio.create_task(output.say(once("One two three.")))
    await settle()
    assert output.interrupt()[1] is False
    tts.gate.set()
    await reply
    assert leg.sent == []
    heard, unheard = output.interrupt()
    assert (heard.text, heard.rest, unheard) == ("", "", False)


async def test_an_interruption_while_the_end_of_a_sentence_waits_for_room_gives_it_no_mark() -> None:
    leg = FakeLeg(Capabilities(audio_out=True, mark=True, send_ahead_ms=20))
    output = speech_output(leg)
    reply = asyncio.create_task(output.say(once("One.")))
    await leg.until(lambda: leg.of(Play))
    output.interrupt()
    await reply
    assert leg.of(Mark) == []


async def test_an_interruption_closes_the_text_that_was_still_being_written() -> None:
    closed = asyncio.Event()

    async def text() -> AsyncIterator[str]:
        try:
            while True:
                yield "And so on. "
        finally:
            closed.set()

    leg, tts = FakeLeg(), GatedTts(closed_at=1)
    output = speech_output(leg, tts)
    reply = asyncio.create_task(output.say(text()))
    await settle()
    output.interrupt()
    tts.gate.set()
    await reply
    assert closed.is_set()


async def test_the_next_reply_is_heard_after_an_interruption() -> None:
    leg = FakeLeg()
    output = speech_output(leg)
    await output.say(once("Never mind."))
    output.interrupt()
    before = len(leg.sent)
    await output.say(once("Sure thing."))
    assert sent_ms(leg.sent[before:]) == pytest.approx(100, abs=20)


async def test_an_interruption_tells_what_the_caller_has_heard_and_what_not() -> None:
    leg, clock = FakeLeg(), Clock()
    output = speech_output(leg, clock_ms=clock)
    await output.say(once("aaaa bbbb cccc dddd"))
    clock.now_ms += 110
    heard, unheard = output.interrupt()
    assert (heard.text, heard.rest, unheard) == ("aaaa bbbb", "cccc dddd", True)


async def test_the_mark_of_an_interrupted_reply_does_not_end_the_next_one() -> None:
    leg = FakeLeg()
    output = speech_output(leg)
    await output.say(once("Never mind."))
    output.interrupt()
    await output.say(once("Sure."))
    old, new = leg.of(Mark)
    output.played(old.name)
    assert output.speaking
    output.played(new.name)
    assert not output.speaking


# ---------------------------------------------------------------- what the wire can do


async def test_with_marks_the_bot_speaks_until_the_last_one_came_back() -> None:
    leg, clock = FakeLeg(), Clock()
    output = speech_output(leg, clock_ms=clock)
    await output.say(once("One two."))
    clock.now_ms += 500
    assert output.speaking, "the mark is late, as it is when packets are"
    output.played(leg.of(Mark)[0].name)
    assert not output.speaking


async def test_without_marks_the_clock_tells_when_the_bot_is_silent() -> None:
    leg, clock = FakeLeg(BARE), Clock()
    output = speech_output(leg, clock_ms=clock)
    await output.say(once("One two."))
    assert leg.of(Mark) == []
    clock.now_ms += 99
    assert output.speaking
    clock.now_ms += 21
    assert not output.speaking


async def test_a_clear_is_sent_only_where_the_wire_has_one() -> None:
    for capabilities, clears in ((PHONE, [Clear()]), (BARE, [])):
        leg = FakeLeg(capabilities)
        output = speech_output(leg)
        await output.say(once("Hello."))
        assert output.interrupt()[1]
        await output.clear()
        assert leg.of(Clear) == clears


@pytest.mark.parametrize("limit_ms", [60, 20, 0])
async def test_no_more_is_sent_ahead_than_the_wire_allows(limit_ms: int) -> None:
    def clock_ms() -> int:
        return time.monotonic_ns() // 1_000_000

    class Buffer(FakeLeg):
        ends_ms = 0
        most_ms = 0

        async def send(self, command: Command, /) -> None:
            await super().send(command)
            if isinstance(command, Play):
                self.ends_ms = max(self.ends_ms, clock_ms()) + MULAW.duration_ms(command.payload)
                self.most_ms = max(self.most_ms, self.ends_ms - clock_ms())

    leg = Buffer(Capabilities(audio_out=True, send_ahead_ms=limit_ms))
    await speech_output(leg, clock_ms=clock_ms).say(once("One two three."))
    assert sent_ms(leg.sent) == 160
    assert 0 < leg.most_ms <= max(limit_ms, 20) + 1


# ---------------------------------------------------------------- texts in time


class Writer:
    """Writes, stalls or breaks, and notes whether it was closed."""

    def __init__(self, *texts: str, then: Callable[[], object] | None = None, stalls: bool = False) -> None:
        self.texts, self.then, self.stalls, self.closed = texts, then, stalls, False

    async def write(self) -> AsyncIterator[str]:
        try:
            for text in self.texts:
                yield text
            if self.stalls:
                await asyncio.Event().wait()
            if self.then:
                self.then()
        finally:
            self.closed = True


async def test_texts_that_come_in_time_pass() -> None:
    writer = Writer("a", "b")
    assert [text async for text in each_within(writer.write(), 5)] == ["a", "b"]
    assert writer.closed


async def test_a_text_that_is_late_is_a_timeout_and_its_writer_is_closed() -> None:
    writer, got = Writer("a", stalls=True), []
    with pytest.raises(TimeoutError):
        async for text in each_within(writer.write(), 0.01):
            got.append(text)  # noqa: PERF401 - the loop raises
    assert got == ["a"]
    assert writer.closed


async def test_the_fault_of_a_writer_passes() -> None:
    writer = Writer("a", then=lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        assert [text async for text in each_within(writer.write(), 5)]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (("We are open.",), ["We are open."]),
        (("We are open. And on", " Sunday"), ["We are open."]),
        (("\u201cYes!\u201d",), ["\u201cYes!\u201d"]),
        (("We are",), []),
    ],
)
async def test_what_was_whole_when_a_writer_broke_is_said(texts: tuple[str, ...], said: list[str]) -> None:
    def broken() -> None:
        raise LookupError("no answer")

    heard = list[str]()
    with pytest.raises(LookupError):
        async for sentence in script(Writer(*texts, then=broken).write()):
            heard.append(sentence)
    assert heard == said


async def test_a_reader_that_leaves_closes_the_writer() -> None:
    writer = Writer("a", "b")
    async with aclosing(each_within(writer.write(), 5)) as texts:
        assert await anext(texts) == "a"
        assert not writer.closed
    assert writer.closed


async def test_a_plain_iterator_has_nothing_to_close() -> None:
    class Plain:
        left = 2

        def __aiter__(self) -> "Plain":
            return self

        async def __anext__(self) -> str:
            self.left -= 1
            if self.left < 0:
                raise StopAsyncIteration
            return "x"

    assert [text async for text in each_within(Plain(), 5)] == ["x", "x"]


# ---------------------------------------------------------------- reading aloud


class Listening(FakeTts):
    """Keeps what it was given to read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        self.read.append(text)
        return super().speak(text)


async def test_the_voice_reads_words_while_the_screen_and_the_history_keep_what_was_written() -> None:
    leg, tts = FakeLeg(Capabilities(audio_out=True, transcripts=True, send_ahead_ms=60_000)), Listening()
    clock = Clock()
    output = speech_output(leg, tts, clock)
    await output.say(once("**Pay** $12.50 \N{PARTY POPPER}. Bye."))
    assert tts.read == ["Pay twelve dollars and fifty cents.", "Bye."]
    assert leg.of(Reply) == [Reply("**Pay** $12.50 \N{PARTY POPPER}."), Reply("Bye.")]
    clock.now_ms += 10_000
    assert output.heard.text == "**Pay** $12.50 \N{PARTY POPPER}. Bye."


async def test_what_has_no_sound_never_reaches_the_voice() -> None:
    leg, tts = FakeLeg(), Listening()
    await speech_output(leg, tts).say(once("\N{THUMBS UP SIGN}\n---\nSee:\n```\nx = 1\n\ny = 2\n```\nGood?"))
    assert tts.read == ["See:", "a piece of code", "Good?"]
    assert len(leg.of(Mark)) == 3


async def test_a_block_of_code_that_never_ended_does_not_silence_the_next_reply() -> None:
    leg, tts = FakeLeg(), Listening()
    output = speech_output(leg, tts)
    await output.say(once("```\nx = 1"))
    await output.say(once("Good?"))
    assert tts.read == ["a piece of code", "Good?"]


async def test_the_language_of_a_call_and_how_it_is_read_can_be_chosen() -> None:
    tts = Listening()
    german = SpeechOutput(
        FakeLeg(),
        tts,
        MULAW,
        clock_ms=Clock(),
        on_audio=lambda: None,
        on_unread=lambda: None,
        start=asyncio.create_task,
        language="German",
    )
    await german.say(once("Das macht 5 \N{EURO SIGN}."))
    unknown = speech_output(FakeLeg(), tts, language="")
    await unknown.say(once("5 \N{EURO SIGN}."))
    shouting = SpeechOutput(
        FakeLeg(),
        tts,
        MULAW,
        clock_ms=Clock(),
        on_audio=lambda: None,
        on_unread=lambda: None,
        start=asyncio.create_task,
        reading=lambda text, language: f"{text.upper()} {language}",
    )
    await shouting.say(once("Hm 5."))
    assert tts.read == ["Das macht fünf Euro.", "5 \N{EURO SIGN}.", "HM 5. English"]


async def test_a_barge_in_after_an_amount_knows_that_it_took_long_to_say() -> None:
    class Steady(FakeTts):
        async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
            yield np.full(1200 * len(text.replace(" ", "")), 0.3, np.float32)

    clock = Clock()
    leg = FakeLeg()
    output = speech_output(leg, Steady(), clock)
    await output.say(once("Pay $1,234.50 by noon today please."))
    clock.now_ms += 50 * len("payonethousandtwohundredthirtyfour")  # half of the amount
    assert output.heard.text == "Pay"
    clock.now_ms += 50 * len("dollarsandfiftycentsbynoon") + 200
    heard, _ = output.interrupt()
    assert (heard.text, heard.rest) == ("Pay $1,234.50 by noon", "today please.")


async def test_hindi_in_either_script_reaches_the_voice_the_screen_and_the_history_as_it_was_written() -> None:
    text = "जी हाँ, आपका order ready है। Kya aap kal aa sakte hain? क्‍षमा कीजिए, हम बंद हैं!"
    leg, tts, clock = (
        FakeLeg(Capabilities(audio_out=True, transcripts=True, send_ahead_ms=60_000)),
        Listening(),
        Clock(),
    )

    async def letters() -> AsyncIterator[str]:
        for letter in text:
            yield letter

    output = SpeechOutput(
        leg,
        tts,
        MULAW,
        clock_ms=clock,
        on_audio=lambda: None,
        on_unread=lambda: None,
        start=asyncio.create_task,
        language="Hindi",
    )
    await output.say(letters())
    assert " ".join(tts.read) == " ".join(reply.text for reply in leg.of(Reply)) == text
    clock.now_ms += 60_000
    assert output.interrupt()[0].text == text


# ---------------------------------------------------------------- what the voice cannot read


class English(FakeTts):
    """Reads Latin letters; of a text in others it makes what it was told to."""

    language = "English"

    def __init__(self, *, foreign: float | None = None) -> None:
        super().__init__()
        self.foreign, self.read = foreign, list[str]()

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        self.read.append(text)
        if text.isascii():
            yield np.full(2400, 0.3, np.float32)
        elif self.foreign is not None:
            yield np.full(2400, self.foreign, np.float32)


class Declaring(English):
    scripts = ("LATIN",)


HINDI, CHINESE = "\u0928\u092e\u0938\u094d\u0924\u0947\u0964", "\u4f60\u597d\u3002"


def reading(tts: Tts) -> tuple[SpeechOutput, list[None]]:
    unread = list[None]()
    return (
        SpeechOutput(
            FakeLeg(),
            tts,
            MULAW,
            clock_ms=Clock(),
            on_audio=lambda: None,
            on_unread=lambda: unread.append(None),
            start=asyncio.create_task,
        ),
        unread,
    )


@pytest.mark.parametrize("tts", [English(), English(foreign=0.0), English(foreign=0.0005), Declaring(foreign=0.3)])
@pytest.mark.parametrize("text", [HINDI, CHINESE])
async def test_a_sentence_without_a_sound_is_counted_and_explained(
    tts: English, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    output, unread = reading(tts)
    await output.say(once(text))
    assert (len(unread), output.sounds) == (1, 0)
    assert "--voices" in caplog.text and ("DEVANAGARI" in caplog.text or "CJK" in caplog.text)
    assert text not in caplog.text
    await output.say(once("Hello."))
    assert (len(unread), output.sounds) == (1, 1)


async def test_what_a_voice_cannot_read_is_not_given_to_it_and_the_rest_is() -> None:
    tts = Declaring(foreign=0.3)
    output, unread = reading(tts)
    mixed = f"Say {HINDI[:-1]} to them."
    await output.say(once(f"Good morning. {HINDI} {mixed}"))
    assert tts.read == ["Good morning.", mixed]
    assert (len(unread), output.sounds) == (2, 2)


async def test_it_is_explained_once_a_call(caplog: pytest.LogCaptureFixture) -> None:
    output, unread = reading(English())
    for _ in range(3):
        await output.say(once(HINDI * 2))
        await output.say(once(HINDI))
    assert len(unread) == 9 and caplog.text.count("DEVANAGARI") == 1


async def test_signs_between_sentences_are_no_text_that_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    output, unread = reading(English())
    await output.say(once("Good. \U0001f600 ** ... Bye."))
    assert unread == [] and not caplog.text


# ---------------------------------------------------------------- several voices


def several() -> tuple[SpeechOutput, FakeLeg, dict[str, Sounding], list[None]]:
    """Return the output of a call with an English voice and a Hindi one that have rates of their own."""
    tts = {"en": sounding.English(), "hi": sounding.Hindi(), "de": sounding.German()}
    made = {key: Voice(key, each) for key, each in tts.items()}
    leg, unread = FakeLeg(), list[None]()
    output = SpeechOutput(
        leg,
        Voices(made["en"], {key: made[key] for key in ("hi", "de")}),
        MULAW,
        clock_ms=Clock(),
        on_audio=lambda: None,
        on_unread=lambda: unread.append(None),
        start=asyncio.create_task,
    )
    return output, leg, tts, unread


async def test_a_mixed_reply_is_spoken_sentence_by_sentence_by_the_voices_that_read_it() -> None:
    output, leg, tts, unread = several()
    await output.say(once(f"One two three. {HINDI} Four five."))
    assert (tts["en"].read, tts["hi"].read, tts["de"].read) == (["One two three.", "Four five."], [HINDI], [])
    assert sent_ms(leg.sent) == pytest.approx(600, abs=60)
    assert level(leg.sent) == pytest.approx(0.12, abs=0.01)
    assert (output.sounds, unread) == (3, [])


async def test_a_voice_that_fails_in_the_middle_leaves_the_rest_to_the_next_at_its_own_rate(
    caplog: pytest.LogCaptureFixture,
) -> None:
    output, leg, tts, unread = several()
    output.language = "German"
    tts["de"].fails_after = 2
    text = "Alpha Bravo Charlie Delta Echo."
    for _ in range(2):
        await output.say(once(text))
    assert text.endswith(tts["en"].read[0]) and len(tts["en"].read[0].split()) >= 3
    assert sent_ms(leg.sent) == pytest.approx(2 * (200 + 100 * len(tts["en"].read[0].split())), abs=100)
    assert level(leg.sent) == pytest.approx(0.12, abs=0.01)
    assert (output.sounds, unread, len(leg.of(Mark))) == (2, [], 2)
    assert caplog.text.count("the voice de failed, en says the rest") == 1


async def test_a_recording_keeps_its_rate_whoever_speaks_now() -> None:
    output, leg, _, _ = several()
    output.set_voice("de")
    output.language = "Hindi"
    assert output.sample_rate == 24_000
    await output.play(np.full(24_000, 0.12, np.float32), "One second.")
    assert sent_ms(leg.sent) == pytest.approx(1000, abs=20)


async def test_the_caller_is_answered_in_their_language_where_a_voice_speaks_it() -> None:
    output, _, tts, _ = several()
    output.follow("German")
    await output.say(once("Es ist 5."))
    output.follow("Finnish")
    await output.say(once("It is 5."))
    assert (tts["de"].read, tts["en"].read) == (["Es ist fünf."], ["It is five."])


async def test_what_none_of_the_voices_reads_is_counted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    output, leg, _, unread = several()
    await output.say(once(f"{CHINESE} {CHINESE}"))
    assert (len(unread), leg.of(Play), caplog.text.count("--voices")) == (2, [], 1)
