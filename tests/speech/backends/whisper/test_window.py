import pytest

from bridge.speech.backends.whisper.window import encoded_s


@pytest.mark.parametrize(
    ("seconds", "encoded"), [(0.2, 10), (1.4, 10), (1.5, 6), (4.5, 6), (4.6, 10), (9.0, 10), (9.5, 10.5), (29.5, 30.5)]
)
def test_a_sentence_needs_less_than_a_word_alone_and_than_what_is_longer(seconds: float, encoded: float) -> None:
    assert encoded_s(seconds, many_languages=False, guess=False) == encoded


@pytest.mark.parametrize("seconds", [0.2, 2.0, 4.0, 10.9])
def test_a_model_of_many_languages_encodes_twelve_seconds_at_least(seconds: float) -> None:
    assert encoded_s(seconds, many_languages=True, guess=False) == 12


@pytest.mark.parametrize("many_languages", [True, False])
def test_the_first_words_are_guessed_at_in_little(many_languages: bool) -> None:
    assert encoded_s(0.6, many_languages=many_languages, guess=True) == 6
    assert encoded_s(5.0, many_languages=many_languages, guess=True) >= 10


def test_all_of_the_audio_is_encoded_and_silence_behind_it() -> None:
    for many_languages in (False, True):
        for guess in (False, True):
            behind = [encoded_s(t / 10, many_languages=many_languages, guess=guess) - t / 10 for t in range(301)]
            assert min(behind) >= 1 - 1e-9
