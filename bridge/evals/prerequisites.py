"""What a run has to have for what is asked of it: said before anybody is called."""

from collections.abc import Mapping, Sequence

from bridge.commands.phone.pbx_lines import PBX_WIRES
from bridge.evals.checks import NEEDS_RECORD
from bridge.evals.scenario import Check, ModelChat, PressKeys, Scenario
from bridge.evals.server_under_test import CalledBridge, options_of
from bridge.settings import SettingsError


class CannotJudge(Exception):
    """Something is expected, or played, that this run has no means for. The text names it and the fix."""


def check_model(scenarios: Sequence[Scenario]) -> None:
    """Check that no scenario needs a language model, where there is none.

    Raises:
        CannotJudge: one does.
    """
    for scenario in scenarios:
        means = [one.line for _, one in scenario.expectations if one.check is Check.MEANS]
        chats = [step.line for step in scenario.steps if isinstance(step.act, ModelChat)]
        for lines, what in ((means, "means"), (chats, "chat")):
            if lines:
                raise CannotJudge(
                    f"{scenario.path}:{lines[0]}: {what} needs a language model: give --model-url and --model, or set "
                    "OPENAI_API_KEY"
                )


def check_wire(scenarios: Sequence[Scenario], wire: str) -> None:
    """Check that what callers do can be done over `wire`.

    Raises:
        CannotJudge: it cannot.
    """
    if wire not in PBX_WIRES or PBX_WIRES[wire].has_keys:
        return
    for scenario in scenarios:
        for step in scenario.steps:
            if isinstance(step.act, PressKeys):
                raise CannotJudge(f"{scenario.path}:{step.line}: there are no keys over {wire}; --wire twilio has them")


def check_options(scenarios: Sequence[Scenario], given: Mapping[str, object]) -> None:
    """Check the options of the bridges that would be started, with those that flags `given`.

    Raises:
        SettingsError: one is none, or cannot be.
    """
    for scenario in scenarios:
        try:
            options_of(given, scenario.settings)
        except SettingsError as error:
            raise SettingsError(f"{scenario.path}: {error}") from None


def check_record(scenarios: Sequence[Scenario], target: CalledBridge) -> None:
    """Check that what is expected can be told of calls to `target`.

    Raises:
        CannotJudge: it cannot.
    """
    for scenario in scenarios:
        for _, expectation in scenario.expectations:
            if not target.kept and expectation.check in NEEDS_RECORD:
                where = f"{scenario.path}:{expectation.line}"
                raise CannotJudge(
                    f"{where}: only the record of the bridge tells {expectation.check.value}: give --token-file, which "
                    "holds the API token of the server"
                )
