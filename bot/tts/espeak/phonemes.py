"""Phonemes by espeak-ng: one process a language, which answers a line in 0.3 ms; starting one takes 10 ms."""

import contextlib
import logging
import os
import select
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Final

from bot.tts.espeak.program import LIMIT_S, program, readable

log = logging.getLogger(__name__)

_END: Final = b"[[S@S@S@]]\n"
"""Asked behind every text, for espeak-ng marks no end: phonemes are read as they are, and these are of no word."""
_LONGEST: Final = 900
"""Bytes of a line; espeak-ng 1.51 reads 999 at a time, and would cut a character in two."""
_MOST_ANSWER: Final = 100_000
"""Bytes of an answer. The longest seen of a line of 900 bytes had 6,000."""


class Phonemes:
    """The phonemes of one language. Calls of `__call__` may come from several threads; they wait for each other."""

    def __init__(self, voice: str, *, limit_s: float = LIMIT_S, command: Sequence[str] | None = None) -> None:
        """Find the program; it is started when it is first needed, and again when it has died.

        `voice`: a language of espeak-ng, e.g. "pt-br". `command`: what to run in its place.

        Raises:
            RuntimeError: espeak-ng is not installed.
        """
        self._command = command or [program(), "-q", "-v", voice, "--ipa", "--tie=^"]
        self._voice, self._limit_s = voice, limit_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end = b""
        self._closed = False

    def __call__(self, text: str) -> str:
        """Return the phonemes of `text` in IPA, ties as "^", flags of languages in brackets; "" where it reads none.

        Blocks, for `limit_s` at most and once more where the process has to be started anew.

        Raises:
            RuntimeError: espeak-ng does not answer, or this is closed.
        """
        return " ".join(filter(None, map(self._line, _lines(readable(text)))))

    def close(self) -> None:
        """End the process. What is asked for afterwards fails."""
        with self._lock:
            self._closed = True
            self._stop()

    def _line(self, line: bytes) -> str:
        with self._lock:
            if self._closed:
                raise RuntimeError("the voice is closed")
            try:
                return self._ask(line)
            except (OSError, ValueError, subprocess.TimeoutExpired) as error:
                log.warning("espeak-ng for %s is started again: %s", self._voice, error)
                self._stop()
            try:
                return self._ask(line)
            except (OSError, ValueError, subprocess.TimeoutExpired) as error:
                self._stop()
                raise RuntimeError(f"espeak-ng does not read {line[:80]!r} in {self._voice}: {error}") from error

    def _ask(self, line: bytes) -> str:
        if self._process is None:
            self._start()
        answer = self._exchange(line + b"\n" + _END)
        return " ".join(answer[: -len(self._end)].decode("utf-8", "replace").split())

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        self._end = b"\n"
        self._end = self._exchange(_END)
        if len(self._end) < 4:
            raise ValueError(f"it answers {self._end!r}; is there a voice {self._voice!r} (espeak-ng --voices)?")

    def _exchange(self, asked: bytes) -> bytes:
        """Write `asked` and read until the end that follows it.

        Raises:
            OSError, ValueError, TimeoutError: the process is gone, says too much, or nothing in time.
        """
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise ValueError("it is not running")
        process.stdin.write(asked)  # 1 kB at most, which a pipe always takes: the last answer was read to its end
        answer, until = b"", time.monotonic() + self._limit_s
        while not answer.endswith(self._end):
            left = until - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                raise TimeoutError(f"no answer within {self._limit_s:g} s")
            piece = os.read(process.stdout.fileno(), 65_536)
            if not piece or len(answer) > _MOST_ANSWER:
                raise ValueError("its answer has no end" if piece else f"it ended with {process.wait(1)}")
            answer += piece
        return answer

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not written is of no use
                    pipe.close()
        process.wait()


def _lines(text: str) -> list[bytes]:
    """Cut `text` at spaces into lines that espeak-ng reads whole; what has none is cut between characters."""
    lines, line = [], b""
    for word in text.split():
        for part in _parts(word):
            if line and len(line) + 1 + len(part) > _LONGEST:
                lines.append(line)
                line = b""
            line = line + b" " + part if line else part
    return [*lines, line] if line else lines


def _parts(word: str) -> list[bytes]:
    """Cut a `word` that is longer than a line; a character has 4 bytes at most."""
    size = _LONGEST if len(word.encode()) <= _LONGEST else _LONGEST // 4
    return [word[at : at + size].encode() for at in range(0, len(word), size)]
