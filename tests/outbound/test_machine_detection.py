"""Who answered: a person or a machine, from when they speak and what they say."""

from collections.abc import Iterator

import numpy as np
import pytest

from bridge.outbound.beep import LEAST_MS, MOST_MS, Beep
from bridge.outbound.machine_detection import Answer, Detection, MachineRules, Mailbox, says_machine
from bridge.speech.api import SAMPLE_RATE, Samples
from telephony.codec import decode, encode
from telephony.events import Encoding

RULES = MachineRules()
WINDOW = 512


def windows(*stretches: int) -> Iterator[tuple[bool, int, int]]:
    """Yield windows of 32 ms: silence and speech by turns, so many milliseconds each, silence first."""
    at_ms = 0
    for number, length_ms in enumerate(stretches):
        for _ in range(length_ms // 32):
            yield bool(number % 2), at_ms, at_ms + 32
            at_ms += 32


def verdict(*stretches: int) -> tuple[Answer | None, int]:
    """Return who it is, and when that was known."""
    detection = Detection(RULES)
    for speech, from_ms, to_ms in windows(*stretches):
        if answer := detection.hear(speech, from_ms=from_ms, to_ms=to_ms):
            return answer, to_ms
    return None, 0


def test_a_word_and_a_wait_is_a_person() -> None:
    answer, at_ms = verdict(640, 480, 2000)
    assert answer is Answer.HUMAN
    assert at_ms - (640 + 480) <= RULES.pause_ms + 32


def test_a_short_sentence_with_a_breath_in_it_is_a_person() -> None:
    assert verdict(320, 640, 320, 640, 2000)[0] is Answer.HUMAN


def test_who_speaks_on_is_a_machine_before_being_done() -> None:
    answer, at_ms = verdict(640, 1280, 320, 5000)
    assert answer is Answer.MACHINE
    assert at_ms <= 640 + RULES.greeting_ms + 32


def test_a_click_on_the_line_is_nobody() -> None:
    assert verdict(320, 64, 1000, 480, 2000) == (Answer.HUMAN, verdict(1408, 480, 2000)[1] - 1408 + 1376)


def test_who_says_nothing_is_not_known_at_the_deadline() -> None:
    answer, at_ms = verdict(20_000)
    assert answer is Answer.UNKNOWN
    assert RULES.deadline_ms <= at_ms < RULES.deadline_ms + 32


def test_who_is_speaking_at_the_deadline_is_heard_out() -> None:
    answer, at_ms = verdict(3840, 640, 2000)
    assert answer is Answer.HUMAN
    assert at_ms > RULES.deadline_ms
    assert verdict(3840, 5000)[0] is Answer.MACHINE


def test_words_of_a_machine_or_a_beep_are_enough() -> None:
    assert Detection(RULES).words("You've reached the mailbox of", "English") is Answer.MACHINE
    assert Detection(RULES).hear(False, beep=True, from_ms=0, to_ms=32) is Answer.MACHINE


def test_the_first_verdict_stands() -> None:
    detection = Detection(RULES)
    for speech, from_ms, to_ms in windows(320, 480, 1000):
        detection.hear(speech, from_ms=from_ms, to_ms=to_ms)
    assert detection.answer is Answer.HUMAN
    assert detection.words("please leave a message", "English") is Answer.HUMAN


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hi, this is Peter. Please leave a message after the tone.", "English"),
        ("The person you are calling is not available.", "English"),
        ("Bitte hinterlassen Sie eine Nachricht nach dem Signalton.", "German"),
        ("Der gewünschte Gesprächspartner ist zurzeit nicht erreichbar.", "German"),
        ("Deje su mensaje después de la señal.", "Spanish"),
        ("Vous êtes bien sur la messagerie vocale de Paul.", "French"),
        ("Laissez-moi un message.", "French"),
        ("आप जिस व्यक्ति से संपर्क करना चाहते हैं वह अभी उपलब्ध नहीं है", "Hindi"),
        ("leave a message", ""),
        ("nach dem Ton", "Dutch"),
    ],
)
def test_what_machines_say(text: str, language: str) -> None:
    assert says_machine(text, language)


@pytest.mark.parametrize("text", ["", "Hello?", "Peter Miller speaking.", "Ja, hallo, Müller?", "Who is this?", "Diga"])
def test_what_people_say(text: str) -> None:
    assert not says_machine(text, "")


# ---------------------------------------------------------------- when it takes a message


def ready(*stretches: int, beep_at_ms: int = 1 << 30) -> int | None:
    mailbox = Mailbox(RULES)
    for speech, from_ms, to_ms in windows(*stretches):
        if mailbox.hear(speech, beep=from_ms <= beep_at_ms < to_ms, from_ms=from_ms, to_ms=to_ms):
            return to_ms
    return None


def test_the_beep_is_spoken_after_at_once() -> None:
    assert ready(0, 3200, 960, beep_at_ms=3520) == 3552


def test_pauses_of_a_greeting_are_waited_for() -> None:
    at_ms = ready(0, 3200, 1600, 3200, 6400)
    assert at_ms
    assert 8000 + RULES.over_ms <= at_ms < 8000 + RULES.over_ms + 64


def test_a_greeting_without_end_is_spoken_into() -> None:
    at_ms = ready(0, 100_000)
    assert at_ms
    assert RULES.longest_ms <= at_ms < RULES.longest_ms + 64


# ---------------------------------------------------------------- the beep


def tone(hz: float, ms: int, level: float = 0.1) -> Samples:
    return (level * np.sin(2 * np.pi * hz * np.arange(ms * SAMPLE_RATE // 1000) / SAMPLE_RATE)).astype(np.float32)


def silence(ms: int) -> Samples:
    return np.zeros(ms * SAMPLE_RATE // 1000, np.float32)


def beeps(samples: Samples) -> list[int]:
    """Return when beeps ended."""
    beep = Beep()
    ends = range(WINDOW, len(samples) + 1, WINDOW)
    return [end * 1000 // SAMPLE_RATE for end in ends if beep.hear(samples[end - WINDOW : end])]


@pytest.mark.parametrize("hz", [440, 620, 950, 1000, 1400, 2400])
@pytest.mark.parametrize("ms", [260, 500, 1500])
def test_a_steady_tone_is_a_beep_when_it_ends(hz: int, ms: int) -> None:
    [at_ms] = beeps(np.concatenate((silence(512), tone(hz, ms), silence(512))))
    assert 512 + ms - 32 <= at_ms <= 512 + ms + 64


def test_a_beep_over_a_telephone_with_noise_is_one() -> None:
    rng = np.random.default_rng(1)
    clean = np.concatenate((silence(500), tone(1000, 400, 0.05), silence(500)))
    noisy = (clean + 0.008 * rng.standard_normal(len(clean))).astype(np.float32)
    assert len(beeps(decode(encode(noisy, Encoding.MULAW), Encoding.MULAW))) == 1


@pytest.mark.parametrize("hz", [100, 350, 2700, 3400])
def test_a_tone_outside_the_range_is_none(hz: int) -> None:
    assert not beeps(np.concatenate((tone(hz, 600), silence(500))))


def test_a_tone_that_is_too_short_is_none() -> None:
    assert not beeps(np.concatenate((silence(512), tone(1000, LEAST_MS - 64), silence(512))))


def test_two_tones_at_once_are_a_key_and_no_beep() -> None:
    assert not beeps(np.concatenate((tone(770, 600) + tone(1336, 600), silence(500))))


def test_a_siren_is_no_beep() -> None:
    at = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    sweep = 0.1 * np.sin(2 * np.pi * (600 * at + 250 * at**2))
    assert not beeps(np.concatenate((sweep.astype(np.float32), silence(500))))


def test_noise_and_silence_are_no_beep() -> None:
    rng = np.random.default_rng(1)
    assert not beeps((0.1 * rng.standard_normal(10 * SAMPLE_RATE)).astype(np.float32))
    assert not beeps(silence(2000))
    assert not beeps(np.concatenate((tone(1000, 500, 0.001), silence(500)))), "too faint to be meant for us"


def test_a_tone_without_end_is_told_of_once() -> None:
    [at_ms] = beeps(tone(1100, 10_000))
    assert MOST_MS <= at_ms <= MOST_MS + 64


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_no_tone(bad: float) -> None:
    samples = tone(1000, 320)
    samples[5] = bad
    with np.errstate(invalid="ignore"):
        assert not beeps(samples[: 5 * WINDOW])
