"""The options of the end of the caller's turn: docs/turns.md has the tables behind the defaults."""

from pydantic import Field

from bridge.settings.eagerness import Eagerness
from bridge.settings.types import Group, OptionalPath, Plugin, Section


class EndOfTurnOptions(Group):
    """End of the caller's turn, on calls with a bot: docs/turns.md."""

    section = Section.TURNS
    per_call = True

    ending: Plugin = Field(
        default="text",
        description="What judges whether a pause ends the turn: text, smart-turn, none or module:attribute. text reads "
        "how the words end; smart-turn also listens and needs `bridge models fetch smart-turn`; none judges nothing "
        "and always waits for turn_silence.",
    )
    ending_model_path: OptionalPath = Field(
        default=None,
        description="ONNX file of smart-turn v3; else the one that `bridge models fetch smart-turn` has brought.",
    )
    ending_threads: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Threads of smart-turn. A pause costs one of them 70 ms, so one thread carries about 50 calls.",
    )
    ending_timeout: float = Field(
        default=0.5,
        ge=0.05,
        le=5,
        description="Seconds that a judgement may take. By then most turns have closed without it.",
    )
    eagerness: Eagerness = Field(
        default="medium",
        description="How soon the bot answers, where the recogniser tells what it expects next (Whisper and vLLM do): "
        "low, medium, high, or the milliseconds of waiting that a caller cut short is worth, 100 to 20000. off: the "
        "waits are those of turn_sure to turn_unsure_silence; so they are where one of these has another value than "
        "here.",
    )
    turn_stop: float = Field(
        default=0.128,
        ge=0.032,
        le=1,
        description="Seconds of silence after the last speech, at which the final is decoded and the end judged. The "
        "default is four windows of the detector; more does not judge better.",
    )
    turn_asked_stop: float = Field(
        default=0.064,
        ge=0.032,
        le=1,
        description="The same after a question of the bot, in the first 1.5 s of the answer; turn_stop where that is "
        "less. An answer is known 0.06 s sooner, for a few more decodes.",
    )
    turn_silence: float = Field(
        default=0.5,
        ge=0.1,
        le=10,
        description="Seconds of silence that end the turn while nothing is known of the pause. If 99 % of finals take "
        "longer, that time counts instead. Half of the pauses of 0.3 to 1.2 s are shorter.",
    )
    turn_sure: float = Field(
        default=0.9, ge=0, le=1, description="Probability of an end from which turn_sure_silence is enough."
    )
    turn_sure_silence: float = Field(
        default=0.4,
        ge=0.1,
        le=10,
        description="Seconds of silence to wait if the end is sure. The reply is heard 0.15 s later, within 0.6 s.",
    )
    turn_unsure: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Probability of an end up to which turn_unsure_silence counts. Between turn_unsure and turn_sure "
        "the wait lies on a line. With a step at one probability instead, the middle turn is 0.28 s slower if the step "
        "is 0.05 too high.",
    )
    turn_unsure_silence: float = Field(
        default=0.8,
        ge=0.1,
        le=10,
        description="Seconds of silence to wait if the end is in doubt. That is one end in seven, and it should be "
        "answered within 1.0 s.",
    )
    turn_unfinished_silence: float = Field(
        default=1.5,
        ge=0.1,
        le=10,
        description='Seconds of silence to wait if the text breaks off ("my", "um"). Only 1 of 146 ends did. It is '
        "longer than pauses of 1.2 s, which must not end a turn.",
    )
    turn_answer_silence: float = Field(
        default=0.4,
        ge=0.1,
        le=10,
        description='Seconds of silence to wait after a "yes" or "two" that the bot had not asked for. More may follow '
        '("yes, but").',
    )
    turn_asked_silence: float = Field(
        default=0.19,
        ge=0.1,
        le=10,
        description="Seconds of silence to wait after such words if the bot had asked for them. The turn then ends as "
        "soon as the text is there.",
    )
    turn_dictation_silence: float = Field(
        default=1.5,
        ge=0.1,
        le=10,
        description="Seconds of silence to wait inside numbers, spellings and addresses. Groups of digits are up to "
        "1.2 s apart.",
    )
    turn_name_silence: float = Field(
        default=0.8,
        ge=0.1,
        le=10,
        description="Seconds of silence to wait at least if the bot expects a name. The surname comes after a breath.",
    )
    turn_ceiling: float = Field(
        default=2.5,
        ge=0.1,
        le=30,
        description="Seconds that no wait exceeds. After that, callers ask whether anybody is there.",
    )
    turn_final_share: float = Field(
        default=0.99,
        ge=0.5,
        le=1,
        description="Share of the finals measured lately that turn_silence must be long enough for.",
    )
    turn_final_longest: float = Field(
        default=0.8,
        ge=0,
        le=10,
        description="Seconds up to which turn_silence is raised for slow finals. Nobody waits for an overloaded "
        "recogniser.",
    )


class CallerPausesOptions(Group):
    """What those waits learn from the caller's own pauses: docs/turns.md."""

    section = Section.TURNS
    per_call = True

    patience_usual: float = Field(
        default=0.25,
        ge=0,
        le=10,
        description="Seconds that a pause of a caller is taken to last before one was heard. It is below every wait, "
        "so that it changes none.",
    )
    patience_keep: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="Share of the estimate that stays after each pause inside a turn. Half of it is new after seven "
        "pauses.",
    )
    patience_keep_mistaken: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of the estimate that stays after a turn that went on after it was closed. Such a turn "
        "weighs as much as all pauses before it.",
    )
    patience_shortest: float = Field(
        default=0.2,
        ge=0,
        le=10,
        description="Seconds from which a silence counts as a pause. The stops inside words are shorter.",
    )
    patience_longest: float = Field(
        default=2.0,
        ge=0,
        le=60,
        description="Seconds up to which a silence counts as a pause. A caller who goes on later begins a new thought.",
    )
    patience_interrupted: float = Field(
        default=1.2,
        ge=0,
        le=10,
        description="Seconds after the last speech within which speech over the bot's first words means that the turn "
        "was closed too early. Nobody hears, understands and answers faster.",
    )
    patience_most: float = Field(
        default=0.9,
        ge=0,
        le=10,
        description="Seconds beyond which no wait is raised. The slowest caller then hears the bot within 1.05 s.",
    )
