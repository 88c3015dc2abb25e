"""Whether what Whisper wrote was said at all: on silence and noise it makes words up. Pure."""

from typing import Final

DOUBT: Final = 0.3
"""P(no speech) above which words need more than themselves to be believed."""

_NO_SPEECH: Final = ((0.75, 0.0), (0.6, -0.5), (0.45, -2.0), (DOUBT, -2.8))
"""Above this P(no speech) a hypothesis needs more than this mean log-probability a token.

Measured with both packaged models on 548 telephone prompts, digits and letters of 0.6 to 25 s, and on 201 sounds
without speech of 0.2 to 20 s: silence, white and pink noise, hum, chords, melodies, clicks, knocks, ring, busy and
DTMF tones, FSK, sirens, beeps, monkeys. P(no speech) of the prompts is at most 0.23 with tiny.en and 0.50 with base,
of the sounds at least 0.34 and 0.53; where the two overlap a sound scores under -2.4, a word over -1.6. All sounds are
refused and no prompt is; a loop counts as minus infinity. In pink noise, words reach 0.40 at 10 dB, and base hears
whole sentences right at 0.69 and -0.24, which no sound comes near (-0.85); what it makes up at -5 dB is mostly
refused. Voices without words are the limit: of 36 cuts of screaming monkeys, 2 with tiny.en and 4 with base pass.
"""


def is_speech(no_speech: float, log_probability: float) -> bool:
    """Judge a hypothesis by the model's P(no speech) and the mean log-probability of its tokens."""
    return not any(no_speech > limit and log_probability < needed for limit, needed in _NO_SPEECH)
