"""Hindi in both of its scripts, and mixed with English, passes every layer between caller and bot as it was."""

import asyncio
import io
import json
from typing import Any

import pytest
from chat_server import Answer, ChatServer
from fakes import TEXT_ONLY, FakeLeg, ScriptBot, nobody
from hook_server import HookServer, Reply
from stage import stage

from bot.api import CallInfo, Final, Heard, Line, Partial, Speaker, Turn
from bot.sentences import LONGEST, SentenceCutter
from bot.spoken import plain, spoken
from bot.webhook import WebhookBot
from bot.webhook.client import Client
from bot.webhook.configuration import Configuration
from bot.webhook.conversation_relay import dialect
from bot.webhook.conversation_relay.dialect import Token
from bridge import logs
from bridge.call.transcript_delivery import TranscriptDelivery
from bridge.metrics import Metrics
from telephony.events import AudioFormat, Encoding, Transcript
from telephony.plain import PlainProtocol
from telephony.talk import TalkProtocol

CALL = CallInfo("CA1", parameters={"नाम": "अमर"})
ASKED = {
    # With a nukta, a chandrabindu, and the joiners that decide which form of a letter is written.
    "devanagari": "नमस्ते! मैंने कल फ़ोन किया था, मेरा ऑर्डर कहाँ है? क्\u200dया श्री\u200dमान् राज\u200cकुमार हैं।",
    "latin": "Namaste! Maine kal phone kiya tha, mera order kahan hai? Jaldi bataiye na.",
    "mixed": "Hello, मेरा order number ४७११ है। Please जल्दी check कीजिए, thank you!",
}
ANSWERED = {
    "devanagari": "जी हाँ, आपका ऑर्डर कल सुबह आएगा। क्या मैं और कुछ कर सकती हूँ?",
    "latin": "Ji haan, aapka order kal subah aa jayega. Kya main aur kuchh kar sakti hoon?",
    "mixed": "जी, आपका order confirm है। It will arrive कल सुबह. और कुछ?",
}
both = pytest.mark.parametrize("script", list(ASKED))


def turn(script: str, *history: Line) -> Turn:
    return Turn(CALL, ASKED[script], "Hindi", history)


def history(script: str) -> list[Line]:
    return [Line(Speaker.CALLER, ASKED[script]), Line(Speaker.BOT, ANSWERED[script])]


# ------------------------------------------------------------ bots


@both
async def test_a_model_reads_and_writes_it(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai", reason="the extra openai is not installed")
    from bot.openai import OpenAiBot

    kept: list[str] = []

    def note(text: str) -> str:
        """Keep a text."""
        kept.append(text)
        return ANSWERED[script]

    calls = [("note", json.dumps({"text": ASKED[script]}, ensure_ascii=script == "mixed"))]
    rules = [("^user: ", Answer(calls=calls, cut=True)), ("^tool: ", Answer(ANSWERED[script], cut=True))]
    async with ChatServer(rules) as server:
        for name, value in {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "none", "BRIDGE_LLM_MODEL": "m"}.items():
            monkeypatch.setenv(name, value)
        kind = type("Noting", (OpenAiBot,), {"tools": (note,)})
        pieces = [str(piece) async for piece in kind().reply(turn(script, *history(script)))]
        asked: list[Any] = server.requests[-1]["messages"]
    assert "".join(pieces) == ANSWERED[script]
    assert kept == [ASKED[script]]
    assert [message["content"] for message in asked[1:]] == [
        ASKED[script],
        ANSWERED[script],
        ASKED[script],
        "",
        ANSWERED[script],
    ]
    assert json.loads(asked[4]["tool_calls"][0]["function"]["arguments"]) == {"text": ASKED[script]}


@both
@pytest.mark.parametrize("kind", ["text/plain; charset=utf-8", "application/json", "application/x-ndjson"])
async def test_a_hook_reads_and_writes_it(script: str, kind: str) -> None:
    answer = ANSWERED[script] if kind.startswith("text") else json.dumps({"say": ANSWERED[script]}, ensure_ascii=False)
    halves = [bytes([byte]) for byte in answer.encode()]
    async with HookServer([("^turn: ", Reply(halves, kind))]) as server:
        configuration = Configuration(url=server.url)
        bot = WebhookBot(configuration, Client(configuration))
        pieces = [str(piece) async for piece in bot.reply(turn(script, *history(script)))]
        await bot.on_interrupted(Heard(ANSWERED[script][:9], rest=ANSWERED[script][9:]))
    assert "".join(pieces) == ANSWERED[script]
    told = server.bodies[0]
    assert (told["text"], told["call"]["parameters"]) == (ASKED[script], {"नाम": "अमर"})
    assert [line["text"] for line in told["history"]] == [ASKED[script], ANSWERED[script]]
    assert ASKED[script].encode() in server.raw[0], "as itself, not as escapes"
    assert server.bodies[1]["heard"] + server.bodies[1]["unheard"] == ANSWERED[script]


@both
def test_a_relay_reads_it(script: str) -> None:
    assert json.loads(dialect.prompt(ASKED[script], "Hindi"))["voicePrompt"] == ASKED[script]
    [text] = dialect.understand(json.dumps({"type": "text", "token": ANSWERED[script], "last": True})).items
    assert isinstance(text, Token) and text.text.strip() == ANSWERED[script]


# ------------------------------------------------------------ wires


@both
@pytest.mark.parametrize("wire", [PlainProtocol, TalkProtocol])
def test_transcripts_carry_it(script: str, wire: type[PlainProtocol]) -> None:
    protocol = wire("abc", refuse_language=lambda _: "")
    protocol.receive(json.dumps({"type": "config", "context": ASKED[script], "language": "Hindi"}))
    for final in (False, True):
        [message] = protocol.send(Transcript(ASKED[script], "Hindi", final=final, timestamp=1.0))
        assert json.loads(message)["text"] == ASKED[script]
        assert ASKED[script] in str(message), "as itself, not as escapes"


# ------------------------------------------------------------ sentences and what was heard of them


@both
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_sentences_are_whole_however_it_arrives(script: str, size: int) -> None:
    text, cutter = f"{ASKED[script]} {ANSWERED[script]}", SentenceCutter(eager=False)
    cut = [sentence for at in range(0, len(text), size) for sentence in cutter.feed(text[at : at + size])]
    cut += cutter.flush()
    assert " ".join(cut) == text
    assert len(cut) == {"devanagari": 5, "latin": 5, "mixed": 5}[script]
    assert all(sentence[-1] in "।?!." for sentence in cut)


@pytest.mark.parametrize(
    "text",
    ["डॉ. शर्मा कल मिलेंगे।", "श्री. वर्मा और प्रो. गुप्ता।", "कुल रु. 500 हुए।", "Bill Rs. 500 ka hai.", "Smt. Verma aayengi."],
)
def test_titles_and_rupees_end_no_sentence(text: str) -> None:
    cutter = SentenceCutter()
    assert [*cutter.feed(text), *cutter.flush()] == [text]


def test_what_is_too_long_is_cut_before_no_sign_of_a_vowel() -> None:
    cutter = SentenceCutter()
    pieces = [*cutter.feed("कि" * LONGEST), *cutter.flush()]
    assert "".join(pieces) == "कि" * LONGEST
    assert all(piece.startswith("क") for piece in pieces)


@both
@pytest.mark.parametrize("language", ["Hindi", "English", ""])
def test_words_are_read_as_they_are(script: str, language: str) -> None:
    text = ASKED[script].replace("४७११", "यह")
    assert plain(text) == text
    assert spoken(text, language) == text


@both
async def test_history_holds_whole_words_of_what_was_heard(script: str) -> None:
    bot = ScriptBot(ANSWERED[script], "ठीक है।")
    async with stage(bot) as call:
        await call.says(ASKED[script])
        await call.silence(320)
        await call.speech(160)
        call.talk.partial(Partial("रुकिए ज़रा एक मिनट", "Hindi"))
        await call.final("रुकिए ज़रा एक मिनट।", "Hindi")
    asked, heard = bot.turns[1].history
    assert asked == Line(Speaker.CALLER, ASKED[script])
    words = ANSWERED[script].split()
    assert heard.speaker is Speaker.BOT
    assert heard.text.split() == words[: len(heard.text.split())] and 0 < len(heard.text.split()) < len(words)
    assert bot.turns[1].text == "रुकिए ज़रा एक मिनट।"


# ------------------------------------------------------------ logs


@both
@pytest.mark.parametrize("as_json", [True, False])
async def test_logs_show_it(script: str, as_json: bool) -> None:
    logs.setup("DEBUG", json=as_json, stream=(stream := io.StringIO()))
    metrics = Metrics().call("test", AudioFormat(Encoding.MULAW, 8000))
    await TranscriptDelivery(FakeLeg(TEXT_ONLY), nobody(), metrics, asyncio.TaskGroup(), partials=True).final(
        Final(ASKED[script], "Hindi", 0, 500)
    )
    line = next(line for line in stream.getvalue().splitlines() if "caller said" in line)
    said = json.loads(line)["message"] if as_json else line
    assert f"caller said: '{ASKED[script]}'" in said
    assert ASKED[script] in line, "as itself, not as escapes"
