"""Keys that a bot asked for, and those that nobody else may know."""

import logging
from collections.abc import AsyncIterator

import pytest
from stage import settle, stage

from bot.actions import Action, Collect, PauseRecording, ResumeRecording
from bot.api import Bot, CallInfo, Turn
from bridge.observer import RecordingSwitch
from bridge.records.entries import Entry
from bridge.records.journal import Journal

PIN = "4917"


class Switch(RecordingSwitch):
    """Notes what the recording is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def hide(self) -> None:
        self.told.append("hide")

    def show(self) -> None:
        self.told.append("show")


class Asks(Bot):
    """Asks for a PIN, and keeps what it is told."""

    def __init__(self, wanted: Collect) -> None:
        self.wanted = wanted
        self.turns: list[Turn] = []

    async def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:
        yield "Your PIN, please."
        yield self.wanted

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        self.turns.append(turn)
        yield "Thank you."


async def test_secret_keys_reach_the_bot_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    kept: list[Entry] = []
    bot, switch = Asks(Collect(digits=4, secret=True)), Switch()
    journal = Journal(kept.append)
    journal.started({})
    caplog.set_level(logging.DEBUG)
    async with stage(bot, observer=journal, recording=switch) as call:
        await settle()
        assert switch.told == ["hide"]
        for key in PIN + "8":  # one too many
            call.talk.press(key)
            await settle()
        await call.says("and now?")
    assert switch.told == ["hide", "show"]
    asked, after = bot.turns
    assert (asked.keys, asked.text) == (PIN, "[secret keys]")
    told = [*caplog.messages, *(entry.to_json().decode() for entry in kept), repr(asked), repr(after)]
    assert not [line for line in told if PIN in line]
    assert not [entry for entry in kept if entry.kind == "keys"]
    assert "[secret keys]" in repr(after.history)


async def test_other_keys_are_kept_and_nothing_is_hidden() -> None:
    kept: list[Entry] = []
    bot, switch = Asks(Collect(digits=4)), Switch()
    async with stage(bot, observer=Journal(kept.append), recording=switch) as call:
        for key in PIN:
            call.talk.press(key)
            await settle()
    assert [entry.text for entry in kept if entry.kind == "keys"] == [PIN]
    assert bot.turns[0].text == PIN
    assert switch.told == []


async def test_a_caller_who_speaks_instead_of_pressing_is_recorded_again() -> None:
    bot, switch = Asks(Collect(digits=4, secret=True)), Switch()
    async with stage(bot, recording=switch) as call:
        call.talk.press("4")
        await call.says("I do not know it")
        assert switch.told == ["hide", "show"]
    assert bot.turns[0].keys is None


async def test_a_bot_pauses_the_recording() -> None:
    class Pauses(Bot):
        async def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:
            yield PauseRecording()
            yield "This stays between us."
            yield ResumeRecording()

        async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
            yield ""

    switch = Switch()
    async with stage(Pauses(), recording=switch):
        pass
    assert switch.told == ["pause", "resume"]
