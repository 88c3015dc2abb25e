"""pytest collects scenarios: each file named *.scenario.yaml is a test for each of its calls.

Off unless there is such a file, or another .yaml file is named on the command line with --bridge-scenarios. What
`bridge eval` takes as flags is the ini option `bridge_eval`, or --bridge-eval="--bot mybot:MyBot".
"""

import argparse
import asyncio
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from bridge.evals.scenario import Scenario

if TYPE_CHECKING:
    from bridge.evals.run import RunOptions

_ENDINGS: Final = (".scenario.yaml", ".scenario.yml")


class ScenarioFailed(Exception):
    """A call did not go as it was expected to, or could not be made. The text has a line for each fault."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plug-in."""
    group = parser.getgroup("bridge", "scenarios of voice-bridge")
    group.addoption(
        "--bridge-scenarios", action="store_true", help="take every .yaml file that is named for a scenario"
    )
    group.addoption(
        "--bridge-eval", default="", metavar="FLAGS", help="flags of `bridge eval`, behind those of the ini"
    )
    parser.addini("bridge_eval", "flags of `bridge eval` for scenarios", type="args", default=[])


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a scenario."""
    named = parent.config.getoption("--bridge-scenarios") and parent.session.isinitpath(file_path)
    if file_path.name.endswith(_ENDINGS) or (named and file_path.suffix in {".yaml", ".yml"}):
        collected: pytest.Collector = ScenarioFile.from_parent(parent, path=file_path)
        return collected
    return None


class ScenarioFile(pytest.File):
    """One file."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for each call."""
        from bridge.evals.files.reading import read_scenario
        from bridge.evals.files.yaml_tree import BadScenario
        from bridge.evals.run import jobs_of, with_options

        try:
            scenario = with_options(read_scenario(self.path), _options(self.config))
        except BadScenario as error:
            raise self.CollectError(str(error)) from None
        for job in jobs_of([scenario]):
            one = replace(scenario, faults=(job.fault,), times=1)
            yield ScenarioItem.from_parent(self, name=job.name, scenario=one)


class ScenarioItem(pytest.Item):
    """One call."""

    def __init__(self, name: str, parent: pytest.Collector, *, scenario: Scenario) -> None:
        super().__init__(name, parent)
        self._scenario = scenario

    def runtest(self) -> None:
        """Make the call, to a bridge of its own unless a URL is given.

        Raises:
            ScenarioFailed: it failed, could not be made, or is void.
        """
        from bridge.evals.report.folder import slug, write
        from bridge.evals.report.table import failures
        from bridge.evals.report.transcript import as_text, transcript
        from bridge.evals.run import CallStatus, run

        options = replace(_options(self.config), times=None, faults=None)  # they made the items already
        [result] = asyncio.run(run([self._scenario], options, lambda done, of, made: None))
        if options.out:
            write([result], options.out / slug(self.name))
        if result.made.facts:
            self.add_report_section("call", "transcript", as_text(transcript(result.made.facts)))
        lines = "\n".join(line.replace("\0", ": ") for line in failures(result))
        if result.status is not CallStatus.PASSED:
            raise ScenarioFailed(lines)
        if lines:
            self.add_report_section("call", "soft", lines)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """Return what failed, without the way through our code."""
        if isinstance(excinfo.value, ScenarioFailed):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where it stands."""
        return self.path, 0, self.name


def _options(config: pytest.Config) -> "RunOptions":
    from bridge.evals import flags

    parser = argparse.ArgumentParser(prog="bridge_eval", add_help=False, exit_on_error=False)
    flags.add_flags(parser)
    given = [*config.getini("bridge_eval"), *shlex.split(config.getoption("--bridge-eval"))]
    try:
        return flags.options(parser.parse_args(given))
    except (argparse.ArgumentError, ValueError, SystemExit) as error:
        raise pytest.Collector.CollectError(f"bridge_eval: {error}") from None
