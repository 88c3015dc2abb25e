"""Who is told what the caller says. With a bot: test_session.py."""

import pytest
from fakes import PHONE, TEXT_ONLY, FakeLeg, nobody

from bot.api import Final, Partial
from bridge.call.transcript_delivery import TranscriptDelivery
from bridge.metrics import Metrics
from telephony.events import AudioFormat, Capabilities, Encoding, Problem, Transcript

MULAW = AudioFormat(Encoding.MULAW, 8000)


@pytest.mark.parametrize(
    ("capabilities", "partials", "told"),
    [(TEXT_ONLY, True, [False, True]), (TEXT_ONLY, False, [True]), (PHONE, True, [])],
)
async def test_a_client_gets_the_text_it_wants(capabilities: Capabilities, partials: bool, told: list[bool]) -> None:
    leg, metrics = FakeLeg(capabilities), Metrics()
    delivery = TranscriptDelivery(leg, nobody(), metrics.call("test", MULAW), partials=partials)
    await delivery.partial(Partial("wear", "English"))
    await delivery.final(Final("where", "English", 0, 500))
    assert [transcript.final for transcript in leg.of(Transcript)] == told
    assert {transcript.text for transcript in leg.of(Transcript) if transcript.final} <= {"where"}
    for count in (b"bridge_partials_total", b"bridge_finals_total"):
        assert count + b'{wire="test"} 1.0' in metrics.text()


async def test_a_final_that_is_lost_is_counted_and_said() -> None:
    leg, metrics = FakeLeg(TEXT_ONLY), Metrics()
    delivery = TranscriptDelivery(leg, nobody(), metrics.call("test", MULAW), partials=True)
    await delivery.lost("every engine is down")
    assert leg.of(Problem) == [Problem("the recogniser failed: every engine is down")]
    assert b'bridge_finals_lost_total{wire="test"} 1.0' in metrics.text()
