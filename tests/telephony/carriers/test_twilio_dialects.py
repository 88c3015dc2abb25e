"""SignalWire and 2600Hz: Twilio's messages, and what differs."""

import base64
import json
from typing import Any

import numpy as np
import pytest

from telephony.carriers.twilio_dialects import PivotProtocol, SignalWireProtocol
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import AudioFormat, CallStarted, Encoding, Media, Play, Transfer

both = pytest.mark.parametrize("kind", [SignalWireProtocol, PivotProtocol])
MULAW = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}


def start(audio: object = MULAW, **more: object) -> str:
    about = {"streamSid": "MZ1", "callSid": "CA1", "mediaFormat": audio, **more}
    return json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": about})


@both
def test_a_call_is_known_by_what_the_webhook_told(kind: type[SignalWireProtocol]) -> None:
    made = kind({"From": "+1", "To": "+2", "CallerName": "ANNA", "Direction": "outbound-api"})
    [started] = made.receive(start(customParameters={"From": "+9", "shop": "7"}))
    assert isinstance(started, CallStarted)
    assert (started.caller, started.callee, started.caller_name) == ("+1", "+2", "ANNA")
    assert (started.direction, started.parameters["shop"]) == ("outbound", "7")
    with pytest.raises(LocalProtocolError, match=f"{made.dialect.carrier}'s REST API"):
        made.send(Transfer("+49"))


@both
@pytest.mark.parametrize("name", ["audio/L16", "audio/x-l16"])
@pytest.mark.parametrize("rate", [8000, "16000", 24_000])
def test_linear_audio_is_spoken_as_it_is_heard(kind: type[SignalWireProtocol], name: str, rate: Any) -> None:  # noqa: ANN401
    made, pcm = kind(), np.arange(int(rate) // 50, dtype="<i2").tobytes()
    [started] = made.receive(start({"encoding": name, "sampleRate": rate}))
    assert isinstance(started, CallStarted) and started.format == AudioFormat(Encoding.L16, int(rate))
    payload = base64.b64encode(pcm).decode()
    assert made.receive(json.dumps({"event": "media", "media": {"payload": payload}})) == [Media(pcm, 0)]
    assert json.loads(made.send(Play(pcm))[0])["media"]["payload"] == payload


@both
@pytest.mark.parametrize(
    "audio",
    [{"encoding": "audio/l16", "sampleRate": 44_100}, {"encoding": "audio/x-mulaw", "sampleRate": 16_000}, "x", 7],
)
def test_a_format_that_we_do_not_speak_is_named(kind: type[SignalWireProtocol], audio: object) -> None:
    with pytest.raises(RemoteProtocolError, match="mediaFormat is"):
        kind().receive(start(audio))
