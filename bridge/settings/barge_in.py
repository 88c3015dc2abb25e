"""The options of barge-in, of echo, and of replies begun before the caller is done: docs/turns.md has the reasons."""

from pydantic import Field

from bridge.settings.types import Group, OptionalPath, Phrases


class BargeIn(Group):
    """Barge-in: speech over the bot, on calls with one."""

    barge_in_duration: float = Field(
        default=0.16,
        ge=0.032,
        le=5,
        description="Seconds of speech that silence the bot or open a turn: five windows of the detector. The bot goes "
        "on where it was unless words or barge_in_confirm follow, so early costs little.",
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
        description="Words that end the reply at once, backchannels not counted. Fewer, but for interrupting_phrases, "
        "are answered when the bot has finished.",
    )
    false_alarm_timeout: float = Field(
        default=2.0,
        ge=0.1,
        le=30,
        description="Seconds after falling silent at which the bot goes on if there are no words, whatever noise goes "
        "on: a line that hums must not silence it. Words that come later still interrupt.",
    )
    backchannels: Phrases = Field(
        default=(),
        description='What never interrupts, besides the lists that are shipped for eight languages ("mm-hm", "I see").',
    )
    interrupting_phrases: Phrases = Field(
        default=(), description='What always interrupts, besides the lists that are shipped ("stop", "hold on").'
    )
    phrases_file: OptionalPath = Field(
        default=None,
        description="TOML file of both lists, by language code, instead of those shipped (bridge/turns/phrases.toml).",
    )
    backchannel_margin: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description='Seconds before the end of what the bot says in which "yes" is an answer and no backchannel; after '
        "a question it always is.",
    )


class Echo(Group):
    """Echo of the bot's own voice in what the caller sends. Echo cancellation is the line's; this is what it leaves."""

    echo_return: float = Field(
        default=-14.0,
        ge=-60,
        le=20,
        description="Level in dB, against the bot's voice, up to which speech may be its echo and silences nothing: a "
        "bad line returns -20 dB. Words that are not the bot's own interrupt however quiet.",
    )
    echo_guard: float = Field(
        default=0.4,
        ge=0,
        le=10,
        description="Seconds at the begin of a reply that echo cancellers need; until then echo_guard_return counts.",
    )
    echo_guard_return: float = Field(
        default=-3.0,
        ge=-60,
        le=20,
        description="echo_return in that time. Louder callers interrupt the bot even in its first word.",
    )
    echo_tail: float = Field(
        default=0.6,
        ge=0,
        le=5,
        description="Seconds within which echo comes back: mobile networks take up to 0.3 s a way.",
    )
    echo_words: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="Share of the words in speech no louder than echo that must be the bot's for it to be one: "
        "recognisers mishear echoes.",
    )


class SpeculationOptions(Group):
    """Replies begun before the caller's turn is over, by bots that say they may be (bot/api.py, `speculates`)."""

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
        description="Replies begun early in one turn; 0 is none. What is thrown away costs tokens.",
    )
    speculation_longest_speech: float = Field(
        default=10.0,
        ge=0,
        le=600,
        description="Seconds the caller may have spoken in the turn: long stories have many ends.",
    )
