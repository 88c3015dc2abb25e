"""The folder of a run: report.json, junit.xml, and of each call a WAV, a page and a transcript."""

import re
from collections.abc import Sequence
from pathlib import Path

from bridge.commands.phone.call_report import save_wav
from bridge.evals.report.data import as_json, as_junit
from bridge.evals.report.page import page
from bridge.evals.report.transcript import as_text, transcript
from bridge.evals.run import CallResult


def write(results: Sequence[CallResult], folder: Path) -> None:
    """Write all of it; blocks.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(as_json(results), encoding="utf-8")
    (folder / "junit.xml").write_text(as_junit(results), encoding="utf-8")
    for number, result in enumerate(results, 1):
        stem = folder / file_stem(number, result)
        stem.with_suffix(".html").write_text(page(result), encoding="utf-8", errors="replace")
        if facts := result.made.facts:
            save_wav(facts.record, stem.with_suffix(".wav"))
            lines = as_text(transcript(facts))
            stem.with_suffix(".txt").write_text(lines, encoding="utf-8", errors="replace")


def file_stem(number: int, result: CallResult) -> str:
    """Return what the files of a call are called: safe in every file system, and found by its number."""
    return f"{number:03d}-{slug(result.made.job.name)}"


def slug(name: str) -> str:
    """Return `name` as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "call"
