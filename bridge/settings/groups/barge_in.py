"""The options of barge-in, of echo, and of replies begun before the caller is done: docs/turns.md has the reasons."""

from pydantic import Field

from bridge.settings.types import Group, OptionalPath, Phrases, Section


class BargeIn(Group):
    """Barge-in: speech over the bot, on calls with one."""

    section = Section.TURNS
    per_call = True

    barge_in_duration: float = Field(
        default=0.16,
        ge=0.032,
        le=5,
        description="Seconds of speech that silence the bot or open a turn; over the bot, 0.6 of it where speech "
        "stands out of the line's background, twice as much where it does not. The default is five windows of the "
        "detector. The bot goes on where it was unless words or barge_in_confirm follow: an early stop costs little.",
    )
    barge_in_confirm: float = Field(
        default=1.0,
        ge=0.032,
        le=30,
        description="Seconds of speech that end the reply before any words of it are known. A listener's \"okay, "
        'right, I see" takes 0.9 s, and a reply that is given up is lost for good.',
    )
    barge_in_words: int = Field(
        default=1,
        ge=1,
        le=100,
        description="Words that end the reply at once; backchannels do not count. The bot finishes first if there are "
        "fewer, unless they are one of interrupting_phrases.",
    )
    false_alarm_timeout: float = Field(
        default=2.0,
        ge=0.1,
        le=30,
        description="Seconds after which a silenced bot goes on if no words came, whatever noise goes on: a line that "
        "hums must not silence it. Words that come later still interrupt.",
    )
    backchannels: Phrases = Field(
        default=(),
        description='Phrases that never interrupt, besides the shipped lists for eight languages ("mm-hm", "I see").',
    )
    interrupting_phrases: Phrases = Field(
        default=(), description='Phrases that always interrupt, besides the shipped lists ("stop", "hold on").'
    )
    phrases_file: OptionalPath = Field(
        default=None,
        description="TOML file of both lists, by language code. It replaces the shipped one, "
        "bridge/turns/phrases.toml.",
    )
    backchannel_margin: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description='Seconds before the end of what the bot says in which "yes" is an answer and not a backchannel. '
        "After a question it always is.",
    )
    side_talk_level: float = Field(
        default=8.0,
        ge=0,
        le=60,
        description="Speech over the bot that is quieter than the caller's own turns by more than so many dB is said "
        "to somebody else, or a television's: the bot speaks on and answers none of its words. 0: nobody. Callers who "
        "speak 6 dB quieter than before are heeded as before.",
    )


class Echo(Group):
    """Echo of the bot's own voice: what the echo cancellation of the line leaves."""

    section = Section.TURNS
    per_call = True

    echo_return: float = Field(
        default=-14.0,
        ge=-60,
        le=20,
        description="Level in dB, relative to the bot's voice, up to which speech may be its echo and silences "
        "nothing. A bad line returns -20 dB. Words that are not the bot's own interrupt however quiet they are.",
    )
    echo_guard: float = Field(
        default=0.4,
        ge=0,
        le=10,
        description="Seconds at the beginning of a reply that echo cancellers need. Until then echo_guard_return "
        "counts.",
    )
    echo_guard_return: float = Field(
        default=-3.0,
        ge=-60,
        le=20,
        description="Level in dB that counts as echo_return in that time. Louder callers interrupt the bot even in its "
        "first word.",
    )
    echo_tail: float = Field(
        default=0.6,
        ge=0,
        le=5,
        description="Seconds within which echo comes back. Mobile networks take up to 0.3 s each way.",
    )
    echo_words: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="Share of the words that must be the bot's for speech no louder than echo to count as echo. "
        "Recognisers mishear echoes.",
    )


class SpeculationOptions(Group):
    """Replies begun before the caller's turn is over, by bots whose `speculates` is true."""

    section = Section.TURNS
    per_call = True

    speculation_probability: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Probability of an end, as `ending` judges it, from which a reply is begun.",
    )
    speculation_attempts: int = Field(
        default=3,
        ge=0,
        le=20,
        description="Replies that may be begun early in one turn; 0 is none. A reply that is thrown away costs tokens.",
    )
    speculation_longest_speech: float = Field(
        default=10.0,
        ge=0,
        le=600,
        description="Seconds of speech in a turn up to which a reply is begun early. Long stories have many ends.",
    )
