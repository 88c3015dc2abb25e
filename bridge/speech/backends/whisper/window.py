"""How many of Whisper's 30 seconds are encoded. Pure.

The model was trained on all of them. What is not encoded is the silence behind an utterance, whose encoding is known;
each second less takes 5 ms of a core off a decode with tiny.en.
"""

from typing import Final

_SHORTEST_S: Final = 10
_SHORTEST_OF_MANY_S: Final = 12
"""Seconds encoded at least by models of English, and of many languages. 12 s cost tiny.en a tenth more than 10 and
leave as many words wrong; base hears less Hindi in 10 s, and begins to loop below 8."""
_BEHIND_S: Final = 1
"""Silence behind a longer utterance."""

_SENTENCE_S: Final = (1.5, 4.5)
"""From so long to so long, an utterance needs less, in a model of English:"""
_SENTENCE_WINDOW_S: Final = 6
"""so much. tiny.en gets 33 words of 775 wrong, in 10 s 34; in noise of 10 dB 34 of 479, in 10 s 32; of another voice 20
of 346 in both; digits, and 52 sounds without speech, as in 10 s. A word alone is lost more often, and in noise the end
of what is longer: 19 words of 178 wrong instead of 14."""

_GUESS_S: Final = 2
"""Up to so long, the first words of an utterance are only guessed at, by every model, in _SENTENCE_WINDOW_S: it costs a
third less (44 instead of 65 ms of a core with tiny.en, 105 instead of 143 with base) and is as often right: after
0.55 s in 40 of 60 prompts instead of 37 with tiny.en, in 21 of 40 instead of 23 with base."""


def encoded_s(seconds: float, *, many_languages: bool, guess: bool) -> float:
    """Return how much is encoded of an utterance of so many seconds, silence included.

    `many_languages`: the model knows more than English. `guess`: of the first words, and no final.
    """
    sentence = not many_languages and _SENTENCE_S[0] <= seconds <= _SENTENCE_S[1]
    if sentence or (guess and seconds <= _GUESS_S):
        return _SENTENCE_WINDOW_S
    return max(_SHORTEST_OF_MANY_S if many_languages else _SHORTEST_S, seconds + _BEHIND_S)
