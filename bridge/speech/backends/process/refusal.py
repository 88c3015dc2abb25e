"""An error of the speech core as bytes, so that it can be raised in another process."""

from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from bridge.speech.api import (
    BadRequest,
    DeadlineExceeded,
    EngineFailed,
    EngineLost,
    ModelMissing,
    Overloaded,
    ReplicaLost,
    SpeechError,
    UnsupportedLanguage,
)

_ERRORS: Final[dict[str, type[SpeechError]]] = {
    error.__name__: error
    for error in (
        BadRequest,
        DeadlineExceeded,
        EngineFailed,
        EngineLost,
        ModelMissing,
        Overloaded,
        ReplicaLost,
        UnsupportedLanguage,
    )
}


@dataclass(frozen=True, slots=True)
class _Refusal:
    error: str
    message: str
    retry_after_s: float | None = None


_FORMAT: Final = TypeAdapter(_Refusal)


def to_bytes(error: BaseException) -> bytes:
    """Return what `from_bytes` makes an equal error of; what is no `SpeechError` becomes an EngineFailed."""
    known = _ERRORS.get(type(error).__name__) is type(error)
    name, message = (type(error).__name__, str(error)) if known else ("EngineFailed", one_line(error))
    retry_after_s = error.retry_after_s if isinstance(error, Overloaded) else None
    return _FORMAT.dump_json(_Refusal(name, message, retry_after_s))


def from_bytes(content: bytes) -> SpeechError:
    """Return the error to raise; an EngineFailed where `content` is none of ours."""
    try:
        refusal = _FORMAT.validate_json(content)
    except ValidationError:
        return EngineFailed(f"the engine gave an error that cannot be read: {content[:80]!r}")
    if refusal.error == "Overloaded":
        return Overloaded(refusal.message, retry_after_s=refusal.retry_after_s)
    return _ERRORS.get(refusal.error, EngineFailed)(refusal.message)


def one_line(error: BaseException) -> str:
    """Return type and text of `error` on one line; the cause's, where it has one that says more."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
