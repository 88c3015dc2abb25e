"""Calls over ARI, from an Asterisk that does what it is told, or does not, or is gone for a while."""

import socket

import pytest
from ari_calls import Desk, ari_settings, connected, next_of
from ari_server import PASSWORD, AriServer, channel
from fakes import FakePause
from waiting import until

from bridge.legs.ari import link as link_module
from bridge.legs.ari.link import AriLink
from telephony.events import (
    CallEnded,
    Clear,
    Dtmf,
    Join,
    Leave,
    Mark,
    Media,
    Play,
    Played,
    SendDtmf,
    Transfer,
)
from telephony.rtp import Packet, build

# ---------------------------------------------------------------- one call


async def test_a_call_is_answered_joined_with_its_audio_and_taken_apart_at_its_end() -> None:
    async with connected() as pbx:
        leg, started = await pbx.call("campaign=spring")
        assert (started.call_id, started.caller, started.callee) == ("c1", "4711", "600")
        assert started.parameters == {"campaign": "spring"}
        external = await pbx.asterisk.until_asked("POST", "channels/externalMedia")
        assert (external["encapsulation"], external["transport"], external["format"]) == ("rtp", "udp", "ulaw")
        bridge = await pbx.asterisk.until_asked("POST", "bridges")
        joined = await pbx.asterisk.until_asked("POST", f"bridges/{bridge['bridgeId']}/addChannel")
        assert joined["channel"] == f"c1,{external['channelId']}"

        packet, source = await pbx.heard()
        assert external["external_host"] == f"{source[0]}:{source[1]}"
        assert packet.payload_type == 0 and len(packet.payload) == 160
        pbx.media.sendto(build(Packet(0, 1, 0, 1, b"\x01" * 160)), source)
        found = await next_of(pbx.desk.events)
        assert isinstance(found, Media) and found.payload == b"\x01" * 160

        await pbx.asterisk.tell({"type": "ChannelDtmfReceived", "digit": "5", "channel": channel("c1")})
        assert await next_of(pbx.desk.events) == Dtmf("5")
        await leg.send(SendDtmf("42#"))
        assert (await pbx.asterisk.until_asked("POST", "channels/c1/dtmf")) == {"dtmf": "42#"}

        await pbx.asterisk.leave("c1")
        assert await next_of(pbx.desk.events) == CallEnded("caller hung up")
        await pbx.asterisk.until_asked("DELETE", f"channels/{external['channelId']}")
        await pbx.asterisk.until_asked("DELETE", f"bridges/{bridge['bridgeId']}")
        assert ("DELETE", "channels/c1", {}) not in pbx.asterisk.asked
        await pbx.desk.lines.empty.wait()


async def test_the_audio_of_a_call_is_taken_from_its_asterisk_and_from_nobody_else() -> None:
    async with connected() as pbx:
        await pbx.call()
        _, ours = await pbx.heard()
        with socket.socket(type=socket.SOCK_DGRAM) as stranger:
            stranger.sendto(build(Packet(0, 1, 0, 1, b"\x02" * 160)), ours)
            pbx.media.sendto(b"no RTP", ours)
            pbx.media.sendto(build(Packet(0, 1, 0, 1, b"\x01" * 160)), ours)
            told = await next_of(pbx.desk.events)
        assert "RTP" in str(told)
        found = await next_of(pbx.desk.events)
        assert isinstance(found, Media) and found.payload == b"\x01" * 160


async def test_what_is_cleared_is_not_sent_and_its_mark_comes_back() -> None:
    async with connected() as pbx:
        leg, _ = await pbx.call()
        await leg.send(Play(b"\x01" * 80_000))
        await leg.send(Mark("end"))
        while (await pbx.heard())[0].payload[0] != 1:
            continue
        await leg.send(Clear())
        assert await next_of(pbx.desk.events) == Played("end")
        for _ in range(60):
            if (await pbx.heard())[0].payload == b"\xff" * 160:
                return
        pytest.fail("it is still speaking")


async def test_the_bot_hangs_up_by_ending_the_channel() -> None:
    async with connected() as pbx:
        leg, _ = await pbx.call()
        await leg.close("enough")
        await pbx.asterisk.until_asked("DELETE", "channels/c1")


@pytest.mark.parametrize(
    ("target", "path", "asked"),
    [
        ("300", "channels/c1/continue", {"context": "test", "extension": "300", "priority": "1"}),
        ("300@desk", "channels/c1/continue", {"context": "desk", "extension": "300", "priority": "1"}),
        ("sip:bob@example.com", "channels/c1/redirect", {"endpoint": "PJSIP/sip:bob@example.com"}),
    ],
)
async def test_a_transfer_goes_on_in_the_dialplan_or_to_an_endpoint(
    target: str, path: str, asked: dict[str, str]
) -> None:
    async with connected() as pbx:
        leg, _ = await pbx.call()
        await leg.send(Transfer(target))
        assert await pbx.asterisk.until_asked("POST", path) == asked
        await pbx.asterisk.leave("c1")
        assert await next_of(pbx.desk.events) == CallEnded(f"transferred to {target}")
        await pbx.desk.lines.empty.wait()
        assert ("DELETE", "channels/c1", {}) not in pbx.asterisk.asked, "the caller talks to somebody else now"


@pytest.mark.parametrize(("target", "why"), [("999", "no extension 999"), ("a b", "allowed: an extension")])
async def test_a_transfer_to_nowhere_is_refused_and_the_call_goes_on(target: str, why: str) -> None:
    async with connected() as pbx:
        leg, _ = await pbx.call()
        with pytest.raises((RuntimeError, ValueError), match=why):
            await leg.send(Transfer(target))
        await pbx.asterisk.leave("c1")
        assert await next_of(pbx.desk.events) == CallEnded("caller hung up")


def moves(asterisk: AriServer) -> list[tuple[str, str]]:
    """Return which bridge had a channel added or removed, beyond the first one."""
    paths = [path.split("/")[1:] for _, path, _ in asterisk.asked if path.startswith("bridges/")]
    return [(what, bridge) for bridge, what in (path for path in paths if len(path) == 2)][1:]


async def test_a_room_that_is_there_is_not_made_again() -> None:
    async with connected() as pbx:
        leg, _ = await pbx.call()
        pbx.asterisk.bridges.add("room")
        await leg.send(Join("room"))
        assert room_made(pbx.asterisk) == 0 and moves(pbx.asterisk)[-1] == ("addChannel", "room")


def room_made(asterisk: AriServer) -> int:
    return sum(asked.get("bridgeId") == "room" for *_, asked in asterisk.asked)


async def test_a_call_joins_a_room_and_comes_back_from_it() -> None:
    async with connected() as pbx:
        leg, _ = await pbx.call()
        own = (await pbx.asterisk.until_asked("POST", "bridges"))["bridgeId"]
        await leg.send(Leave())
        assert not moves(pbx.asterisk), "it is in none"
        await leg.send(Join("room"))
        assert moves(pbx.asterisk) == [("removeChannel", own), ("addChannel", "room")]
        assert {"type": "mixing", "bridgeId": "room"} in [asked for *_, asked in pbx.asterisk.asked]
        await leg.send(Leave())
        assert room_made(pbx.asterisk) == 1
        assert moves(pbx.asterisk)[2:] == [("removeChannel", "room"), ("addChannel", own)]
        assert await pbx.asterisk.until_asked("DELETE", "bridges/room") == {}


async def test_a_call_that_gets_into_no_room_stays_with_us() -> None:
    async with connected() as pbx:
        leg, _ = await pbx.call()
        own = (await pbx.asterisk.until_asked("POST", "bridges"))["bridgeId"]
        pbx.asterisk.refuses["POST", "bridges/room/addChannel"] = 500
        with pytest.raises(RuntimeError, match="Asterisk says 500"):
            await leg.send(Join("room"))
        assert moves(pbx.asterisk)[-1] == ("addChannel", own)
        await leg.send(Leave())
        assert moves(pbx.asterisk)[-1] == ("addChannel", own), "it is in no room"


async def test_a_call_comes_back_from_a_room_that_the_other_one_took_with_it() -> None:
    async with connected() as pbx:
        leg, _ = await pbx.call()
        own = (await pbx.asterisk.until_asked("POST", "bridges"))["bridgeId"]
        await leg.send(Join("room"))
        pbx.asterisk.refuses["POST", "bridges/room/removeChannel"] = 404
        await leg.send(Leave())
        assert moves(pbx.asterisk)[-1] == ("addChannel", own)


async def test_the_room_of_a_call_that_ends_in_it_goes_with_it() -> None:
    async with connected() as pbx:
        leg, _ = await pbx.call()
        await leg.send(Join("room"))
        await pbx.asterisk.leave("c1")
        await pbx.asterisk.until_asked("DELETE", "bridges/room")
        await pbx.desk.lines.empty.wait()


@pytest.mark.parametrize(("status", "why"), [(404, "caller hung up before"), (500, "Asterisk says 500")])
async def test_a_call_that_cannot_be_answered_is_taken_apart(status: int, why: str) -> None:
    async with connected() as pbx:
        pbx.asterisk.refuses["POST", "channels/c1/answer"] = status
        await pbx.asterisk.enter("c1")
        assert why in str(await next_of(pbx.desk.failed))
        external = await pbx.asterisk.until_asked("POST", "channels/externalMedia")
        await pbx.asterisk.until_asked("DELETE", f"channels/{external['channelId']}")
        await pbx.desk.lines.empty.wait()


# ---------------------------------------------------------------- all of them


async def test_a_call_for_which_there_is_no_line_goes_on_in_its_dialplan() -> None:
    async with connected(lines=0) as pbx:
        await pbx.asterisk.enter("c1")
        await pbx.asterisk.until_asked("POST", "channels/c1/continue")
        assert 'bridge_calls_refused_total{reason="busy"} 1.0' in pbx.desk.metrics.text().decode()


async def test_channels_of_external_media_are_no_calls_and_garbage_is_passed_over() -> None:
    async with connected() as pbx:
        await pbx.asterisk.enter("bridge-media-1")
        for message in ("no", "[]", "{}", '{"type":"StasisStart"}', '{"type":"ChannelDtmfReceived","digit":"55"}'):
            await pbx.asterisk.tell(message)
        _, started = await pbx.call()
        assert started.call_id == "c1"
        assert pbx.desk.calls.empty()


async def test_without_events_for_a_moment_calls_go_on_and_those_that_ended_meanwhile_end() -> None:
    pause = FakePause()
    async with connected(pause=pause) as pbx:
        for name in ("c1", "c2"):
            await pbx.call(name=name)
        await pbx.asterisk.hang_up_events()
        await pause.until(1)
        pbx.asterisk.channels.discard("c1")
        await pause.end()
        await pbx.asterisk.until_connected(2)
        assert await next_of(pbx.desk.events) == CallEnded("Asterisk has lost the call")
        await pbx.asterisk.tell({"type": "ChannelDtmfReceived", "digit": "7", "channel": channel("c2")})
        assert await next_of(pbx.desk.events) == Dtmf("7")


@pytest.mark.parametrize("body", [b'{"name": "bridge", "chan', b"{}", b'{"channel_ids": null}', b""])
async def test_an_answer_that_cannot_be_read_ends_no_call(body: bytes) -> None:
    pause = FakePause()
    async with connected(pause=pause) as pbx:
        await pbx.call()
        pbx.asterisk.answers["GET", "applications/bridge"] = body
        await pbx.asterisk.hang_up_events()
        await pause.until(1)
        await pause.end()
        await pause.until(2)
        pbx.asterisk.answers.clear()
        await pause.end()
        await pbx.asterisk.until_connected(2)
        await pbx.asterisk.tell({"type": "ChannelDtmfReceived", "digit": "7", "channel": channel("c1")})
        assert await next_of(pbx.desk.events) == Dtmf("7")


async def test_calls_of_an_asterisk_that_stays_away_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "_GONE_S", 0.05)
    pause = FakePause()
    async with connected(pause=pause) as pbx:
        await pbx.call()
        await pbx.asterisk.hang_up_events()
        assert "Asterisk has been gone" in str(await next_of(pbx.desk.events))
        await pbx.desk.lines.empty.wait()


async def test_events_that_nothing_comes_over_are_asked_for_anew(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(link_module, "_FIRST_TESTS_S", (0.0,))
    monkeypatch.setattr(link_module, "_TEST_S", 0.05)
    pause = FakePause()
    async with connected(pause=pause, ari_timeout=0.3) as pbx:
        asterisk = pbx.asterisk
        for _ in range(3):  # it hears its own tests
            asterisk.asked.clear()
            await asterisk.until(lambda: any("events/user/" in path for _, path, _ in asterisk.asked))
        assert asterisk.connections == 1
        asterisk.deaf = True
        await pause.until(1)
        asterisk.deaf = False
        await pause.end()
        await asterisk.until_connected(2)
    assert "tells us nothing" in caplog.text


async def test_an_asterisk_that_is_not_there_is_tried_again_each_time_later() -> None:
    desk, pause = Desk(), FakePause()
    async with AriLink(ari_settings("http://127.0.0.1:9/ari"), desk, pause=pause) as link:
        assert "not connected" in link.trouble
        for count in range(1, 11):
            await pause.until(count)
            await pause.end()
        assert "cannot be reached" in link.trouble and not link.beyond_repair
    assert pause.delays[:4] == [0.2, 0.4, 0.8, 1.6]
    assert max(pause.delays) == 30.0
    assert "bridge_ari_up 0.0" in desk.metrics.text().decode()


async def test_a_wrong_password_is_told_with_where_to_look(caplog: pytest.LogCaptureFixture) -> None:
    pause = FakePause()
    async with AriServer() as asterisk, AriLink(ari_settings(asterisk.url, ari_password="wrong"), Desk(), pause=pause):
        await pause.until(1)
    assert "401" in caplog.text and "wrong" not in caplog.text


async def test_a_new_password_is_used_from_the_next_request_on() -> None:
    pause = FakePause()
    async with (
        AriServer() as asterisk,
        AriLink(ari_settings(asterisk.url, ari_password="old"), Desk(), pause=pause) as link,
    ):
        await pause.until(1)
        assert "401" in link.trouble
        link.sign_in_with(PASSWORD)
        await pause.end()
        await asterisk.until_connected()
        await until(lambda: not link.trouble)


async def test_a_fault_of_ours_in_the_link_is_told_as_what_a_restart_cures(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: str) -> None:
        raise ZeroDivisionError("a fault of ours")

    async with connected() as pbx:
        monkeypatch.setattr(link_module, "understand", broken)
        await pbx.asterisk.tell({"type": "StasisEnd", "channel": channel("c1")})
        await until(lambda: pbx.link.beyond_repair)
        assert "a fault of ours" in pbx.link.trouble
        assert "bridge_ari_up 0.0" in pbx.desk.metrics.text().decode()
    assert "no more calls come over ARI" in caplog.text


async def test_calls_that_an_earlier_run_left_are_hung_up() -> None:
    async with connected(channels={"old", "bridge-media-old"}) as pbx:
        await pbx.asterisk.until_asked("DELETE", "channels/old")
        await pbx.asterisk.until_asked("DELETE", "channels/bridge-media-old")


async def test_another_bridge_with_the_same_application_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    pause = FakePause()
    async with connected(pause=pause) as pbx:
        await pbx.asterisk.tell({"type": "ApplicationReplaced", "application": "bridge"})
        await pause.until(1)
    assert "--ari-app" in caplog.text
