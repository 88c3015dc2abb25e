"""The language of a call: who is believed, and how long it is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.call_language import CallLanguage

LONG = 3000


def speak(
    call: CallLanguage, language: str, *, times: int = 1, spoken_ms: int = LONG, probability: float = 0.95
) -> bool:
    return [call.heard("two words", language, spoken_ms=spoken_ms, probability=probability) for _ in range(times)][-1]


def test_one_sentence_settles_the_language() -> None:
    call = CallLanguage()
    assert call.now == ""
    assert speak(call, "Hindi")
    assert call.now == "Hindi"
    assert not speak(call, "Hindi"), "it is known already"


def test_short_and_doubtful_speech_settles_it_only_together() -> None:
    call = CallLanguage()
    assert not speak(call, "Hindi", spoken_ms=900, probability=0.6)
    assert call.now == ""
    assert speak(call, "Hindi", times=2, spoken_ms=1200)


@pytest.mark.parametrize("text", ["Okay.", "Hello!", "", "  ...  "])
def test_a_single_word_never_counts_however_sure_the_engine_is(text: str) -> None:
    call = CallLanguage()
    assert not call.heard(text, "Finnish", spoken_ms=5000, probability=1.0)
    assert call.now == ""


def test_a_settled_language_outlives_a_sentence_in_another() -> None:
    call = CallLanguage()
    speak(call, "Hindi", times=3)
    assert not speak(call, "English")
    assert call.now == "Hindi"


def test_a_caller_who_changes_is_followed_within_two_sentences_and_back() -> None:
    call = CallLanguage()
    speak(call, "Hindi", times=20)
    assert speak(call, "English", times=2)
    assert call.now == "English"
    assert speak(call, "Hindi", times=2)


def test_little_speech_is_decoded_in_the_language_of_the_call() -> None:
    call = CallLanguage()
    assert call.told(500) == ""
    speak(call, "Hindi")
    assert call.told(500) == "Hindi"
    assert call.told(2000) == "", "more is given a chance to be another"


def test_a_doubtful_contradiction_is_decoded_again_in_the_language_of_the_call() -> None:
    call = CallLanguage()
    speak(call, "Hindi")
    assert call.instead_of("Urdu", probability=0.5) == "Hindi"
    assert call.instead_of("Urdu", probability=0.9) == ""
    assert call.instead_of("Hindi", probability=0.1) == ""
    assert call.instead_of("", probability=0.0) == "", "nothing was heard"


def test_what_is_not_allowed_is_never_believed() -> None:
    call = CallLanguage(allowed=("Hindi", "English"))
    assert call.instead_of("Finnish", probability=1.0) == "Hindi", "the first, while nothing is known"
    speak(call, "English")
    assert call.instead_of("Finnish", probability=1.0) == "English"
    assert call.instead_of("hi", probability=1.0) == "", "codes are names, too"


def test_a_forced_language_stays_and_the_only_allowed_one_is_forced() -> None:
    for call in CallLanguage(forced="German"), CallLanguage(allowed=("German",)):
        assert not speak(call, "English", times=5)
        assert call.now == call.told(9000) == "German"


def test_a_bot_may_force_a_language_and_let_it_be_found_out_again() -> None:
    call = CallLanguage()
    speak(call, "Hindi", times=3)
    call.force("German")
    assert call.told(9000) == "German"
    call.force("")
    assert call.now == ""
    assert speak(call, "English")


utterances = st.tuples(
    st.sampled_from(["Hindi", "English", "hi", "Finnish", ""]), st.integers(0, 60_000), st.floats(0, 1)
)


@given(st.lists(utterances, max_size=30))
def test_it_changes_only_when_it_says_so_and_only_to_what_was_spoken(said: list[tuple[str, int, float]]) -> None:
    call = CallLanguage()
    for language, spoken_ms, probability in said:
        before = call.now
        changed = call.heard("some words", language, spoken_ms=spoken_ms, probability=probability)
        assert changed == (call.now != before)
        assert call.now in {"", *(name for name, _, _ in said)}
