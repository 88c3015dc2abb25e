"""Whether what Whisper wrote was said at all: on silence and noise it makes words up. Pure."""

from typing import Final

DOUBT: Final = 0.3
"""P(no speech) above which words need more than themselves to be believed."""

_NO_SPEECH: Final = ((0.75, 0.0), (0.6, -0.7), (0.45, -2.0), (DOUBT, -2.8))
"""Above this P(no speech) a hypothesis needs more than this mean log-probability a token.

Measured with both packaged models on 548 telephone prompts, digits and letters of 0.6 to 25 s, and on 201 sounds
without speech of 0.2 to 20 s: silence, white and pink noise, hum, chords, melodies, clicks, knocks, ring, busy and
DTMF tones, FSK, sirens, beeps, monkeys. P(no speech) of the prompts is at most 0.23 with tiny.en and 0.50 with base,
of the sounds at least 0.34 and 0.53; where the two overlap a sound scores under -2.4, a word over -1.6. All sounds are
refused and no prompt is. In pink noise, words reach 0.40 at 10 dB, and base hears whole sentences right at 0.69 and
-0.24; of 24 dictated runs of equal digits it hears 17 at 0.54 to 0.74, five of them scoring -0.5 to -0.61. No sound
comes near (-0.85); what base makes up in pink noise at -5 dB is mostly refused. Voices without words are the limit: of
36 cuts of screaming monkeys, 2 with tiny.en and 4 with base pass.
"""


_REPEATED: Final = -1.3
"""Above DOUBT, what repeats itself needs more than this, counted over what is said once and the first of each round.

Measured with tiny.en: 72 numbers with runs of equal digits, and the first two thirds of each, score -1.1 and better at
P(no speech) up to 0.5; what it says over and over on the cries of monkeys scores -1.5 and worse.
"""


def is_speech(no_speech: float, log_probability: float, *, repeats: bool = False) -> bool:
    """Judge a hypothesis by the model's P(no speech) and the mean log-probability of its tokens.

    `repeats`: it says something over and over, and only what is no repetition was counted.
    """
    if repeats and no_speech > DOUBT and log_probability < _REPEATED:
        return False
    return not any(no_speech > limit and log_probability < needed for limit, needed in _NO_SPEECH)
