"""Logging: which call a line belongs to, text or JSON, and nothing in it that a peer could forge a line with."""

import json as json_module
import logging
import re
import sys
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, TextIO

call_id: Final[ContextVar[str]] = ContextVar("call_id", default="")
"""The call that the current task works for; "" outside calls."""

trace_id: Final[ContextVar[str]] = ContextVar("trace_id", default="")
"""The trace of that call, 32 hexadecimal digits; "" where calls are not traced."""

UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What breaks a line, moves a terminal's cursor, turns the direction of text or cannot be encoded."""

MASK: Final = "********"
_ARGUMENT_CHARS: Final = 1000
_MESSAGE_CHARS: Final = 4000
"""What a peer sends may be megabytes; the longest line of ours is a list of options."""
_CALL_ID_CHARS: Final = 100
_TRACEBACK_LINES: Final = 200
_USERINFO: Final = re.compile(r"(//|\bsips?:)([^/\s:@]*)(:[^/\s]*)?@")
_IN_QUERY: Final = re.compile(r"([?&][\w-]*(?:token|key|secret|password)=)[^&\s'\"]+", re.IGNORECASE)


class CallerWords(str):
    """An argument of a log line that is what a caller said: what is taken out of it is more."""

    __slots__ = ()


def setup(
    level: str,
    *,
    json: bool,
    stream: TextIO | None = None,
    redact: Callable[[str], str] = str,
    redact_said: Callable[[str], str] = str,
    worker: int = 0,
) -> None:
    """Send all logs from `level` ("INFO") up to `stream`, standard error by default, and Python's warnings too.

    `redact` takes out of messages what is in no log, `redact_said` out of each `CallerWords` in them. `worker`: the
    number of this process among several, which each line has; 0 for none. Replaces what an earlier call set up.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter((JsonLines if json else TextLines)(redact, redact_said, worker=worker))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    logging.getLogger("alembic").setLevel(max(logging.WARNING, root.level))  # each start would tell of its plug-ins
    logging.captureWarnings(True)


class _Lines(logging.Formatter):
    """What both forms share."""

    def __init__(
        self, redact: Callable[[str], str] = str, redact_said: Callable[[str], str] = str, *, worker: int = 0
    ) -> None:
        """`redact` takes out of messages and tracebacks what is in no log. The others: as for `setup`."""
        super().__init__()
        self._redact, self._redact_said, self._worker = redact, redact_said, worker

    def _message(self, record: logging.LogRecord) -> str:
        return self._redact(_message(record, self._redact_said))

    def _traceback(self, record: logging.LogRecord) -> str:
        return "\n".join(self._redact(line) for line in _traceback(record).splitlines())


class TextLines(_Lines):
    """2026-01-31T12:00:00.000Z INFO bridge.call [CA12] message; a traceback follows, each line behind a bar."""

    def format(self, record: logging.LogRecord) -> str:
        call = f" [{short(call_id.get(), _CALL_ID_CHARS)}]" if call_id.get() else ""
        worker = f" #{self._worker}" if self._worker else ""
        head = f"{_time(record)} {record.levelname}{worker} {record.name}{call} {self._message(record)}"
        return "\n  | ".join(escape(line) for line in [head, *self._traceback(record).splitlines()])


class JsonLines(_Lines):
    """{"time": ..., "level": ..., "logger": ..., "call_id": ..., "trace_id": ..., "message": ..., "traceback": ...}"""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {"time": _time(record), "level": record.levelname, "logger": record.name}
        fields |= {"worker": self._worker} if self._worker else {}
        fields |= {"call_id": short(call_id.get(), _CALL_ID_CHARS)} if call_id.get() else {}
        fields |= {"trace_id": trace_id.get()} if trace_id.get() else {}
        fields["message"] = self._message(record)
        fields |= {"traceback": traceback} if (traceback := self._traceback(record)) else {}
        return escape(json_module.dumps(fields, ensure_ascii=False))


def escape(text: str) -> str:
    r"""Return `text` on one line, with each unprintable character as \uXXXX, which JSON reads back."""
    return UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def short(text: str, limit: int) -> str:
    """Return `text`; of more than `limit` characters the first, and how many there were."""
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def masked(text: str) -> str:
    """Return `text` without the secrets in its URLs: https://user:********@host, sip:user:********@host, ?key=***..."""
    return _IN_QUERY.sub(rf"\1{MASK}", _USERINFO.sub(_mask_userinfo, text))


def _mask_userinfo(match: re.Match[str]) -> str:
    scheme, user, password = match.groups()
    if password is None and scheme != "//":  # sip:user@host is an address; //key@host has nothing but a secret
        return match[0]
    return f"{scheme}{MASK}@" if password is None else f"{scheme}{user}:{MASK}@"


def _message(record: logging.LogRecord, redact_said: Callable[[str], str]) -> str:
    """Return the message, bounded and masked: masked before it is cut, so that no half of a password is left."""
    if isinstance(record.args, tuple):
        said = (redact_said(value) if isinstance(value, CallerWords) else value for value in record.args)
        arguments = tuple(_bounded(value) for value in said)
        text = str(record.msg) % arguments if arguments else str(record.msg)
    else:
        text = record.getMessage()
    return short(masked(text), _MESSAGE_CHARS)


def _bounded(value: object) -> object:
    return short(masked(value), _ARGUMENT_CHARS) if isinstance(value, str) else value


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _traceback(record: logging.LogRecord) -> str:
    formatter = logging.Formatter()
    parts = [formatter.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    lines = [short(masked(line), _ARGUMENT_CHARS) for line in "\n".join(parts).splitlines()]
    if len(lines) > _TRACEBACK_LINES:
        half = _TRACEBACK_LINES // 2
        lines[half:-half] = [f"... ({len(lines) - 2 * half} lines)"]
    return "\n".join(lines)
