"""Logging: which call a line belongs to, text or JSON, and nothing in it that a peer could forge a line with."""

import json as json_module
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, TextIO

call_id: Final[ContextVar[str]] = ContextVar("call_id", default="")
"""The call that the current task works for; "" outside calls."""

UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What breaks a line, moves a terminal's cursor, turns the direction of text or cannot be encoded."""


def setup(level: str, *, json: bool, stream: TextIO | None = None) -> None:
    """Send all logs from `level` ("INFO") up to `stream`, standard error by default, and Python's warnings too.

    Replaces what an earlier call set up.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if json else TextLines())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(True)


class TextLines(logging.Formatter):
    """2026-01-31T12:00:00.000Z INFO bridge.call [CA12] message; a traceback follows, each line behind a bar."""

    def format(self, record: logging.LogRecord) -> str:
        call = f" [{call_id.get()}]" if call_id.get() else ""
        head = f"{_time(record)} {record.levelname} {record.name}{call} {record.getMessage()}"
        return "\n  | ".join(escape(line) for line in [head, *_traceback(record).splitlines()])


class JsonLines(logging.Formatter):
    """{"time": ..., "level": ..., "logger": ..., "call_id": ..., "message": ..., "traceback": ...}"""

    def format(self, record: logging.LogRecord) -> str:
        fields = {"time": _time(record), "level": record.levelname, "logger": record.name}
        fields |= {"call_id": call_id.get()} if call_id.get() else {}
        fields["message"] = record.getMessage()
        fields |= {"traceback": traceback} if (traceback := _traceback(record)) else {}
        return escape(json_module.dumps(fields, ensure_ascii=False))


def escape(text: str) -> str:
    r"""Return `text` on one line, with each unprintable character as \uXXXX, which JSON reads back."""
    return UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _traceback(record: logging.LogRecord) -> str:
    formatter = logging.Formatter()
    parts = [formatter.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return "\n".join(parts)
