"""What a journal makes of a call."""

from collections.abc import Sequence

import pytest

from bot.actions import Hangup, SetContext, Transfer
from bot.api import CallNote, Final
from bridge.observer import TransferSide
from bridge.records.entries import Entry, EntryKind
from bridge.records.journal import Journal
from bridge.redaction.redactor import Redactor


class Call:
    """A journal, its clock, and what it kept."""

    def __init__(self) -> None:
        self.now = 50.0
        self.kept: list[Entry] = []
        self.journal = Journal(
            self.kept.append, wall=lambda: 1000.0 + self.now, clock=lambda: self.now, new_name=lambda: "r1"
        )

    def of(self, kind: EntryKind) -> list[Entry]:
        return [entry for entry in self.kept if entry.kind is kind]

    @property
    def end(self) -> Entry:
        [end] = self.of(EntryKind.ENDED)
        return end


@pytest.fixture
def call() -> Call:
    call = Call()
    call.journal.started({"call_id": "CA1", "wire": "twilio"})
    return call


def said(text: str, language: str = "English") -> Final:
    return Final(text, language, 1000, 2000)


def test_a_conversation_is_entries_in_order_that_are_numbered_and_stamped(call: Call) -> None:
    call.journal.spoke("Hello.", unheard="", played_ms=700)
    call.journal.said(said("what time is it"))
    call.journal.speech_ended(ago_ms=400)
    call.now += 0.1
    call.journal.sent()
    call.journal.spoke("It is", unheard="noon.", played_ms=300)
    call.journal.pressed("5")
    call.journal.ended("the caller hung up", fault="")
    assert [entry.kind for entry in call.kept] == ["started", "bot", "caller", "bot", "keys", "latency", "ended"]
    assert [entry.number for entry in call.kept] == [1, 2, 3, 4, 5, 6, 7]
    assert {entry.record for entry in call.kept} == {"r1"}
    assert call.kept[0].at == 1050.0
    assert call.kept[3].text == "It is"
    assert call.kept[3].data == {"played_ms": 300, "unheard": "noon."}
    assert call.end.data["first_audio_ms"] == 500
    assert call.end.data["turns"] == 1
    assert call.end.data["replies"] == 2


def test_noises_and_replies_of_which_nothing_was_made_are_not_kept(call: Call) -> None:
    call.journal.said(said(""))
    call.journal.spoke("", unheard="", played_ms=0)
    assert [entry.kind for entry in call.kept] == ["started"]


def test_who_ended_the_call_is_kept(call: Call) -> None:
    call.journal.ended("stop", fault="")
    assert call.end.data["ended_by"] == "caller"


@pytest.mark.parametrize("action", [Hangup("done"), Transfer("+4930123456")])
def test_a_bot_that_hangs_up_or_transfers_ended_it(call: Call, action: Hangup | Transfer) -> None:
    call.journal.acted(action)
    call.journal.ended("done", fault="")
    assert call.end.data["ended_by"] == "bot"


def test_a_transfer_that_failed_did_not(call: Call) -> None:
    call.journal.acted(Transfer("+4930123456"))
    call.journal.acted(Transfer("+4930123456"), failure="busy")
    call.journal.ended("stop", fault="")
    assert call.end.data["ended_by"] == "caller"
    assert call.of(EntryKind.ACTION)[1].data["failed"] == "busy"


def test_what_the_server_or_a_fault_of_ours_ends_is_the_bridges(call: Call) -> None:
    call.journal.stopped()
    call.journal.ended("the call reached 3600 s", fault="")
    assert call.end.data["ended_by"] == "bridge"


def test_the_median_wait_and_the_last_language_sum_a_call_up(call: Call) -> None:
    for wait_ms, language in ((300, "English"), (900, "Hindi"), (500, "")):
        call.journal.said(said("hello", language))
        call.journal.speech_ended(ago_ms=wait_ms)
        call.journal.sent()
        call.now += 5
    call.now += 2.5
    call.journal.ended("stop", fault="remote")
    assert call.end.data["first_audio_ms"] == 500
    assert call.end.data["language"] == "Hindi"
    assert call.end.data["duration_ms"] == 17_500
    assert call.end.data["fault"] == "remote"


def test_what_a_bot_and_its_tools_note_is_kept(call: Call) -> None:
    call.journal.noted(CallNote("booked", "Tuesday", {"table": 4}))
    call.journal.noted(CallNote("tool", "find_order", {"arguments": "{}", "took_ms": 12}))
    call.journal.noted(CallNote("model", "gpt-5-mini", {"input_tokens": 70, "output_tokens": 9}))
    [note], [tool], [model] = (call.of(kind) for kind in (EntryKind.NOTE, EntryKind.TOOL, EntryKind.MODEL))
    assert (note.text, note.data) == ("Tuesday", {"name": "booked", "table": 4})
    assert (tool.text, tool.data) == ("find_order", {"arguments": "{}", "took_ms": 12})
    assert (model.text, model.data) == ("gpt-5-mini", {"input_tokens": 70, "output_tokens": 9})


def test_what_engines_did_is_summed_up(call: Call) -> None:
    call.journal.said(said("hello"))
    call.journal.spoke("Good mor", unheard="ning.", played_ms=500)
    for _ in range(2):
        call.journal.noted(CallNote("model", "gpt-5-mini", {"input_tokens": 70, "output_tokens": 9}))
    call.journal.ended("stop", fault="")
    counted = {name: call.end.data[name] for name in ("heard_ms", "spoken_chars", "input_tokens", "output_tokens")}
    assert counted == {"heard_ms": 1000, "spoken_chars": 13, "input_tokens": 140, "output_tokens": 18}
    assert call.end.data["cost"] is None


def test_what_no_database_takes_is_taken_out_and_what_is_endless_is_cut(call: Call) -> None:
    call.journal.said(said("a\0b\ud800" + "x" * 30_000))
    call.journal.acted(SetContext("c" * 30_000))
    [caller], [action] = call.of(EntryKind.CALLER), call.of(EntryKind.ACTION)
    assert caller.text.startswith("ab?xxx")
    assert len(caller.text) <= 20_000
    assert len(str(action.data["action"])) <= 20_000


def test_the_parts_of_each_answer_are_told_whether_or_not_they_are_kept() -> None:
    told: list[object] = []
    now = [10.0]
    journal = Journal(lambda entry: None, on_answer=told.append, clock=lambda: now[0])
    journal.said(said("hello"))
    journal.speech_ended(ago_ms=400)
    now[0] += 0.2
    journal.sent()
    journal.speech_ended(ago_ms=100)
    journal.ended("stop", fault="")
    assert told == [{"final_ms": 400, "judged_ms": 400, "sent_ms": 600}]


def test_what_is_redacted_is_in_no_entry_and_the_numbers_of_the_call_stay() -> None:
    kept: list[Entry] = []
    journal = Journal(kept.append, redactor=Redactor(["cards", "phones"]))
    journal.started({"call_id": "CA1", "caller": "+491701234567", "parameters": {"card": "4111111111111111"}})
    journal.said(said("my card is 4111 1111 1111 1111"))
    journal.spoke("I heard 4111 1111", unheard="1111 1111 and +49 170 1234567", played_ms=5)
    journal.pressed("4111111111111111")
    journal.acted(Transfer("+491701234567"))
    told = [entry.to_json().decode() for entry in kept]
    assert kept[0].data["caller"] == "+491701234567"
    assert kept[0].data["parameters"] == {"card": "[card]"}
    assert kept[1].text == "my card is [card]"
    assert kept[3].text == "[card]"
    assert not [line for line in told[1:] if "4111111111111111" in line or "1234567" in line]


def test_what_is_said_on_a_transfer_is_told_by_its_speaker_and_is_no_part_of_the_answers(call: Call) -> None:
    call.journal.said(said("put me through"))
    call.journal.overheard(TransferSide.CALLER, said("hello Anna"))
    call.journal.overheard(TransferSide.TARGET, said("hello"))
    call.journal.overheard(TransferSide.TARGET, said(""))
    call.journal.ended("they hung up", fault="")
    assert [(entry.kind, entry.text, entry.data.get("to")) for entry in call.kept[1:-1]] == [
        (EntryKind.CALLER, "put me through", None),
        (EntryKind.CALLER, "hello Anna", "target"),
        (EntryKind.TARGET, "hello", None),
    ]
    assert call.kept[3].data == {"from_ms": 1000, "to_ms": 2000, "language": "English"}
    assert (call.end.data["turns"], call.end.data["heard_ms"]) == (2, 3000)


# ------------------------------------------------------------ what is taken out


class RedactedCall:
    """A journal that takes out cards, what it kept, and what became of each entry."""

    def __init__(self) -> None:
        self.kept: list[Entry] = []
        self.silent: list[tuple[int, int]] = []
        self.now = 1000.0
        self.journal = Journal(
            self.kept.append, wall=lambda: self.now, new_name=lambda: "r1", redactor=Redactor(["cards"])
        )
        self.journal.started({"call_id": "CA1", "wire": "twilio"})

    def now_of(self, kind: EntryKind) -> list[Entry]:
        """Return the entries of `kind` as they are in the end."""
        entries = {entry.key: entry for entry in self.kept}
        for entry in self.kept:
            if entry.amends:
                entries[entry.amends] = entries[entry.amends].amended(entry)
        return [entry for entry in entries.values() if entry.kind is kind]

    def say(self, text: str, began_ms: int, words: Sequence[tuple[str, int, int]] = ()) -> None:
        with self.journal.heard_by(lambda from_ms, to_ms: self.silent.append((from_ms, to_ms))):
            self.journal.said(Final(text, "English", began_ms, began_ms + 2000, words))


def test_a_card_over_two_utterances_is_taken_out_of_the_first_one_afterwards() -> None:
    call = RedactedCall()
    call.say("My card is 4111 1111.", 1000)
    call.journal.spoke("Go on.", unheard="", played_ms=300)
    call.say("one one one one one one one one.", 5000)
    assert [entry.text for entry in call.now_of(EntryKind.CALLER)] == ["My card is [card].", "[card]."]
    [amending] = call.now_of(EntryKind.REDACTED)
    assert (amending.number, amending.amends) == (5, "r1:2")
    assert amending.data == {"of": 2, "from_ms": 1000, "to_ms": 3000, "language": "English"}
    assert call.now_of(EntryKind.CALLER)[0].data == call.kept[1].data


def test_the_sound_of_a_card_is_silenced_by_its_words_times_else_as_a_whole() -> None:
    call = RedactedCall()
    words = [("It", 1000, 1100), ("is", 1100, 1300), ("4111", 1500, 2000), ("1111", 2000, 2500)]
    call.say("It is 4111 1111.", 1000, words)
    assert call.silent == []
    call.say("1111 1111.", 5000)
    assert sorted(call.silent) == [(1300, 2700), (5000, 7000)]


def test_a_card_pressed_key_by_key_and_one_that_the_bot_was_cut_in_are_taken_out() -> None:
    call = RedactedCall()
    for key in "4111111111111111#":
        call.now += 0.4
        call.journal.pressed(key)
    assert {entry.text for entry in call.now_of(EntryKind.KEYS)} == {"[card]", "#"}
    call.journal.spoke("You said 4111 1111 11", unheard="11 1111, right?", played_ms=900)
    [bot] = call.now_of(EntryKind.BOT)
    assert (bot.text, bot.data["unheard"]) == ("You said [card]", "[card], right?")


def test_a_card_in_what_a_tool_was_given_is_taken_out_as_text_and_as_a_number() -> None:
    call = RedactedCall()
    call.journal.noted(CallNote("tool", "pay", {"arguments": {"card": 4111111111111111, "as": "4111 1111 1111 1111"}}))
    [tool] = call.now_of(EntryKind.TOOL)
    assert tool.data == {"arguments": {"card": "[card]", "as": "[card]"}}


def test_a_number_does_not_go_on_behind_the_end_of_a_call_nor_after_minutes() -> None:
    call = RedactedCall()
    call.say("4111 1111", 1000)
    call.now += 121
    call.say("1111 1111", 5000)
    call.journal.ended("hung up", fault="")
    assert not call.now_of(EntryKind.REDACTED)
    assert [entry.text for entry in call.now_of(EntryKind.CALLER)] == ["4111 1111", "1111 1111"]
