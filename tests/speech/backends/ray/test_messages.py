"""What bridge and replicas say to each other."""

import numpy as np
import pytest
from pydantic import ValidationError

from bridge.speech.api import Ended, Hypothesis, MarksAhead, Request, Standing
from bridge.speech.backends.ray.messages import ASK, HEARD, PoolAsk

AUDIO = np.zeros(160, np.float32)


def test_a_request_arrives_whole() -> None:
    request = Request(
        AUDIO,
        prefix="so far ",
        language="Hindi",
        context="Spinny",
        final=True,
        max_new_tokens=7,
        timeout_s=1.5,
        key="u",
        first=True,
        words=True,
        session="s",
        standing=Standing.FAST,
        languages=("Hindi", "English"),
    )
    there = ASK.validate_json(ASK.dump_json(PoolAsk.of(request))).request(AUDIO)
    assert there == request
    assert isinstance(there.standing, Standing)


def test_an_answer_arrives_whole() -> None:
    heard = Hypothesis(
        ["a", " b"], "English", Ended.LENGTH, 1, 2, 3, "e", [("a", 0, 90)], 0.5, MarksAhead(stop=0.25, comma=0.5)
    )
    back = HEARD.validate_json(HEARD.dump_json(heard))
    assert back.words == [("a", 0, 90)]
    assert back == heard


def test_what_another_release_says_is_left_out_or_has_its_default() -> None:
    assert ASK.validate_json(b'{"key": "u", "new": 1}') == PoolAsk(key="u")
    assert HEARD.validate_json(b'{"pieces": ["a"], "language": "English", "new": 1}').text == "a"


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b'{"final": "perhaps"}', b'{"standing": 9}', b"\xff"])
def test_what_is_no_question_is_refused(content: bytes) -> None:
    with pytest.raises(ValidationError):
        ASK.validate_json(content)
