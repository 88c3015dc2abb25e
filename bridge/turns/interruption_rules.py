"""By which rules the caller interrupts the bot, each with its range and the reason for its value."""

from dataclasses import dataclass, field

from bridge.turns.ranges import within


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoRules:
    """Which of the caller's audio may be the bot's own voice.

    Raises:
        ValueError: a value is out of its range.
    """

    return_db: float = -14.0
    """Level of the echo relative to the bot, dB, -60..20: -20 dB of a bad line, and a margin of 6 dB."""
    guard_ms: int = 400
    """Time that the line's echo canceller needs from the start of the bot's audio, 0..10000. AVA's guard is as long."""
    guard_db: float = -3.0
    """Level of the echo until then, dB, -60..20: louder speech interrupts the bot even in its first word."""
    tail_ms: int = 600
    """Echo comes back within this time, 0..5000: a round trip over mobile and long distance networks, and its decay."""

    def __post_init__(self) -> None:
        within(self, -60, 20, "return_db", "guard_db")
        within(self, 0, 10_000, "guard_ms")
        within(self, 0, 5000, "tail_ms")

    def covers(self, caller_db: float, *, bot_db: float, audible_ms: int | None) -> bool:
        """Return whether audio of `caller_db` may be an echo of the bot. Levels are dBFS.

        `audible_ms`: how long the bot has been heard; None where it is not.
        """
        young = audible_ms is not None and audible_ms < self.guard_ms
        return caller_db <= bot_db + (self.guard_db if young else self.return_db)


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptionRules:
    """When the caller's speech interrupts the bot. Times are milliseconds.

    Raises:
        ValueError: a value is out of its range.
    """

    onset_ms: int = 160
    """Speech that silences the bot, 32..5000: five windows of the detector. To be silent early costs little: after a
    false alarm the bot goes on. Three windows do where it stands out of the background, ten where it does not."""
    stand_out_db: float = 9.0
    """Speech that is louder than the line's background by so much stands out of it, dB, 0..60: with 6 to 12 bystanders
    silence the bot as rarely, and callers as soon."""
    confirm_ms: int = 1000
    """Speech that ends the reply although its words are not known yet, 32..30000. "Okay, right, I see" takes 0.9 s.
    Peers take 0.5 s, but only then fall silent; here the bot is silent already, and a reply that is given up too early
    is lost for good."""
    false_alarm_ms: int = 2000
    """The bot goes on so long after it fell silent, if there are no words by then, 100..30000. LiveKit's value. A noise
    that goes on does not change it: a line that hums must not silence the bot for good. Words that come later still
    interrupt."""
    least_words: int = 1
    """Number of words that interrupt, 1..100; a command always does."""
    answer_ms: int = 1000
    """A "yes" is an answer, not a backchannel, if no more than this is left to hear of the reply, 0..10000; also after
    a question, and before a word of the reply was heard. LiveKit's boundary."""
    echo_share: float = 0.6
    """Quiet speech is an echo if this share of its words, or more, are the bot's own, 0..1."""
    quiet_words: int = 3
    """Quiet speech of fewer words, other than a command, is an echo whatever the words are, 1..20: recognisers hear "I"
    in the beginning of an echoed "Our"."""
    echo: EchoRules = field(default_factory=EchoRules)
    aside_db: float = 8.0
    """Speech over the bot is said to somebody else where it is quieter than the caller's own turns by more, dB, 0..60;
    0: nowhere. Who speaks 6 dB quieter than before still interrupts as soon; who is 12 dB quieter hardly does."""

    def __post_init__(self) -> None:
        within(self, 32, 5000, "onset_ms")
        within(self, 32, 30_000, "confirm_ms")
        within(self, 100, 30_000, "false_alarm_ms")
        within(self, 1, 100, "least_words")
        within(self, 1, 20, "quiet_words")
        within(self, 0, 10_000, "answer_ms")
        within(self, 0, 1, "echo_share")
        within(self, 0, 60, "stand_out_db", "aside_db")
