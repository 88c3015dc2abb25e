"""A phone on a line that is not Twilio's."""

import asyncio
from collections.abc import AsyncIterator

from bridge.commands.phone.carrier_buffer import FRAME_BYTES
from bridge.commands.phone.line_faults import Fault
from bridge.commands.phone.phone_line import Heard, Message
from bridge.commands.phone.simulated_phone import SILENCE, on_line
from telephony.events import Clear, Mark, Play, Transcript

LOUD = b"\x10" * FRAME_BYTES


class StringLine:
    """Keeps what is sent, and hears what the test puts into `told`; None hangs up."""

    garbage: Message = b"?"

    def __init__(self, *, steady: bool = False) -> None:
        self.steady = steady
        self.told = asyncio.Queue[Heard | None]()
        self.sent: list[Message] = []
        self.ends: list[str] = []
        self.close_code: int | None = None

    def media(self, frame: bytes, chunk: int) -> Message:
        return f"{chunk}:".encode() + frame[:1]

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def receive(self) -> AsyncIterator[Heard]:
        while heard := await self.told.get():
            yield heard

    async def played(self, mark: str) -> None:
        self.ends.append(f"played {mark}")

    async def press(self, digit: str) -> None:
        self.ends.append(f"pressed {digit}")

    async def hang_up(self) -> None:
        self.ends.append("hung up")

    async def close(self) -> None:
        self.ends.append("closed")

    def abort(self) -> None:
        self.ends.append("aborted")


async def test_a_phone_speaks_hears_and_hangs_up_in_the_words_of_its_line() -> None:
    line = StringLine()
    async with on_line(line) as phone:
        for heard in (Play(LOUD), Mark("a"), Play(LOUD * 50), Mark("b")):
            line.told.put_nowait(heard)
        await phone.until(lambda: line.ends == ["played a"])
        line.told.put_nowait(Clear())
        await phone.until(lambda: line.ends == ["played a", "played b"])
        await phone.press("5")
        await phone.say(LOUD)
        line.told.put_nowait(Transcript("yes", "English", True, 0.0))
        await phone.until(lambda: phone.record.count("final") == 1)
    assert line.sent.index(b"1:\xff") < next(n for n, sent in enumerate(line.sent) if sent[-1:] == b"\x10")
    assert line.ends[2:] == ["pressed 5", "hung up", "closed"]


async def test_a_malformed_message_is_what_the_line_takes_for_one() -> None:
    line = StringLine()
    async with on_line(line, fault=Fault.MALFORMED) as phone:
        await phone.until(lambda: b"?" in line.sent)
    assert line.sent.count(b"?") == 1


async def test_a_line_that_breaks_is_aborted_in_the_middle_of_what_is_said() -> None:
    line = StringLine()
    async with on_line(line, fault=Fault.ABRUPT) as phone:
        saying = asyncio.create_task(phone.say(LOUD * 10))
        await phone.until(lambda: "aborted" in line.ends)
        line.told.put_nowait(None)
        await saying
    assert phone.closed.is_set()


async def test_on_a_line_whose_audio_never_stops_silence_is_the_end_of_what_is_said() -> None:
    line = StringLine(steady=True)
    for frame in (LOUD * 5, SILENCE * 500):
        line.told.put_nowait(Play(frame))
    async with on_line(line) as phone:
        await phone.until_heard(after_ms=0)
        await phone.until_silent(for_ms=40, timeout_s=5)
        assert phone.record.count("audio-heard") == phone.record.count("silence") == 1
        assert phone.now_ms < 5000
