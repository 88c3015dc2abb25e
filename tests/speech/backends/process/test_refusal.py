import pytest

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
from bridge.speech.backends.process.refusal import from_bytes, one_line, to_bytes


@pytest.mark.parametrize(
    "error",
    [
        kind("why: ü")
        for kind in (
            *(BadRequest, DeadlineExceeded, EngineFailed, EngineLost),
            *(ModelMissing, ReplicaLost, UnsupportedLanguage),
        )
    ],
)
def test_an_error_comes_out_as_it_went_in(error: SpeechError) -> None:
    back = from_bytes(to_bytes(error))
    assert type(back) is type(error)
    assert str(back) == str(error)


def test_overload_says_when_to_come_back() -> None:
    back = from_bytes(to_bytes(Overloaded("full", retry_after_s=1.5)))
    assert isinstance(back, Overloaded)
    assert back.retry_after_s == 1.5


def test_an_error_of_others_becomes_an_engines_on_one_line() -> None:
    back = from_bytes(to_bytes(ValueError("a\n  b")))
    assert type(back) is EngineFailed
    assert str(back) == "ValueError: a b"


def test_an_error_that_only_shares_a_name_is_not_taken_for_ours() -> None:
    class BadRequest(Exception):
        pass

    assert type(from_bytes(to_bytes(BadRequest("x")))) is EngineFailed


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{", b'{"error": 1, "message": "x"}', b"\xff"])
def test_what_cannot_be_read_is_an_engine_failure(content: bytes) -> None:
    assert type(from_bytes(content)) is EngineFailed


def test_an_unknown_name_is_an_engine_failure() -> None:
    assert type(from_bytes(b'{"error": "SystemExit", "message": "no"}')) is EngineFailed


def test_the_cause_says_more_than_what_wrapped_it() -> None:
    def wrapped() -> None:
        try:
            raise KeyError("the root")
        except KeyError as error:
            raise RuntimeError("generate failed") from error

    with pytest.raises(RuntimeError) as failed:
        wrapped()
    assert one_line(failed.value) == "KeyError: 'the root'"


def test_an_error_without_words_still_has_a_name() -> None:
    assert one_line(TimeoutError()) == "TimeoutError"
