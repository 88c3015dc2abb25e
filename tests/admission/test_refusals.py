"""What is left of a refusal: a count for each, a line for the first few."""

import logging

import pytest
from fakes import FakeClock

from bridge.admission.refusals import Refusals, Why
from bridge.metrics import Metrics


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_refusal_is_a_line_with_peer_door_and_reason_and_a_count(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    Refusals(metrics.kept_out).note("talk", Why.WRONG_TOKEN, peer="192.0.2.7", detail="send the API token")
    assert lines(caplog) == ["refused 192.0.2.7 at the door talk: send the API token"]
    assert caplog.records[0].levelno == logging.WARNING
    assert b'bridge_refused_total{door="talk",reason="wrong_token"} 1.0' in metrics.text()


def test_a_flood_is_counted_and_told_in_a_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    clock, metrics = FakeClock(), Metrics()
    refusals = Refusals(metrics.kept_out, clock=clock)
    for number in range(1000):
        refusals.note("twilio", Why.SIGNATURE, peer=f"192.0.2.{number % 250}", detail="no")
    assert len(lines(caplog)) == 10
    assert b'bridge_refused_total{door="twilio",reason="signature"} 1000.0' in metrics.text()
    clock.advance(59.0)
    refusals.note("twilio", Why.SIGNATURE, peer="a", detail="no")
    assert len(lines(caplog)) == 10
    clock.advance(1.0)
    refusals.note("twilio", Why.SIGNATURE, peer="a", detail="no")
    assert lines(caplog)[-1] == "refused a at the door twilio: no (and 991 more before it)"
    refusals.note("twilio", Why.SIGNATURE, peer="a", detail="no")
    assert lines(caplog)[-1] == "refused a at the door twilio: no"


def test_a_flood_at_one_door_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals(Metrics().kept_out, clock=FakeClock())
    for _ in range(100):
        refusals.note("talk", Why.NO_TOKEN, peer="a", detail="no")
    refusals.note("talk", Why.ORIGIN, peer="a", detail="no page")
    refusals.note("plain", Why.NO_TOKEN, peer="a", detail="no")
    assert len(lines(caplog)) == 12


def test_what_the_peer_sent_is_quoted_in_part(caplog: pytest.LogCaptureFixture) -> None:
    Refusals(Metrics().kept_out).note("talk", Why.ORIGIN, peer="", detail="origin " + "x" * 8000)
    assert lines(caplog)[0].startswith("refused somebody at the door talk: origin xxx")
    assert len(lines(caplog)[0]) < 400
