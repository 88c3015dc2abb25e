"""The options of the end of the caller's turn: docs/turns.md has the tables behind the defaults."""

from pydantic import Field

from bridge.settings.types import Group, OptionalPath, Plugin


class EndOfTurnOptions(Group):
    """End of the caller's turn, on calls with a bot. Silence counts from the last speech."""

    ending: Plugin = Field(
        default="text",
        description="What judges whether a pause ends the turn: text reads how the words end, smart-turn listens too "
        "and needs ending_model_path; none judges nothing and waits turn_silence always.",
    )
    ending_model_path: OptionalPath = Field(
        default=None,
        description="ONNX file of smart-turn v3: pip download --no-deps pipecat-ai holds one in its wheel.",
    )
    ending_threads: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Threads of smart-turn; a pause costs one of them 70 ms, so one carries about 50 calls.",
    )
    ending_timeout: float = Field(
        default=0.5,
        ge=0.05,
        le=5,
        description="Seconds a judgement may take; by then most turns have closed without it.",
    )
    turn_stop: float = Field(
        default=0.128,
        ge=0.032,
        le=1,
        description="Seconds of silence after which the final is decoded and the end judged: four windows of the "
        "detector; more does not judge better.",
    )
    turn_silence: float = Field(
        default=0.5,
        ge=0.1,
        le=10,
        description="Seconds of silence that end the turn while nothing is known of the pause, or what 99 % of finals "
        "take where that is longer. Half of the pauses of 0.3 to 1.2 s are shorter.",
    )
    turn_sure: float = Field(
        default=0.9, ge=0, le=1, description="Probability of an end from which turn_sure_silence is enough."
    )
    turn_sure_silence: float = Field(
        default=0.4,
        ge=0.1,
        le=10,
        description="Seconds waited where the end is sure: the reply is heard 0.15 s later, within 0.6 s.",
    )
    turn_unsure: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Probability up to which turn_unsure_silence is waited; between the two the wait lies on a line. "
        "A step at one probability makes the middle turn 0.28 s slower where it is 0.05 too high.",
    )
    turn_unsure_silence: float = Field(
        default=0.8,
        ge=0.1,
        le=10,
        description="Seconds waited where the end is doubted. One end in seven is, and is to be answered within 1.0 s.",
    )
    turn_unfinished_silence: float = Field(
        default=1.5,
        ge=0.1,
        le=10,
        description='Seconds waited where the text breaks off ("my", "um"): 1 of 146 ends did. Longer than the pauses '
        "of 1.2 s that are to be survived.",
    )
    turn_answer_silence: float = Field(
        default=0.4,
        ge=0.1,
        le=10,
        description='Seconds waited after "yes" or "two" out of the blue: more may follow ("yes, but").',
    )
    turn_asked_silence: float = Field(
        default=0.25,
        ge=0.1,
        le=10,
        description="The same where the bot had asked, for words: as soon as the text is there.",
    )
    turn_dictation_silence: float = Field(
        default=1.5,
        ge=0.1,
        le=10,
        description="Seconds waited inside numbers, spellings and addresses: groups are up to 1.2 s apart.",
    )
    turn_name_silence: float = Field(
        default=0.8,
        ge=0.1,
        le=10,
        description="Least seconds waited where the bot expects a name: the surname comes after a breath.",
    )
    turn_ceiling: float = Field(
        default=2.5,
        ge=0.1,
        le=30,
        description="Seconds that no wait exceeds: beyond, callers ask whether anybody is there.",
    )
    turn_final_share: float = Field(
        default=0.99, ge=0.5, le=1, description="Share of finals, as lately measured, that turn_silence is raised for."
    )
    turn_final_longest: float = Field(
        default=0.8,
        ge=0,
        le=10,
        description="Seconds for which it is raised at most: an overloaded recogniser is not waited for.",
    )


class CallerPausesOptions(Group):
    """What those waits learn from the caller's own pauses."""

    patience_usual: float = Field(
        default=0.25,
        ge=0,
        le=10,
        description="Seconds of a pause of a caller nobody has heard yet: below every wait, so that it changes none.",
    )
    patience_keep: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="Share of the estimate that a pause inside a turn leaves: half of it is new after seven pauses.",
    )
    patience_keep_mistaken: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="The same for a turn that went on after it was closed: it weighs as much as all pauses before.",
    )
    patience_shortest: float = Field(
        default=0.2, ge=0, le=10, description="Seconds of silence that count at least: stops inside words are shorter."
    )
    patience_longest: float = Field(
        default=2.0, ge=0, le=60, description="Seconds that count at most: who returns later begins a new thought."
    )
    patience_interrupted: float = Field(
        default=1.2,
        ge=0,
        le=10,
        description="Seconds after the last speech within which speech over the bot's first words means that the turn "
        "was closed too early: nobody hears, understands and answers faster.",
    )
    patience_most: float = Field(
        default=0.9,
        ge=0,
        le=10,
        description="Seconds beyond which no wait is raised: the bot is heard within 1.05 s for the slowest caller.",
    )
