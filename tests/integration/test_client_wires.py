"""Whole calls over the wires of clients, as `bridge call --wire NAME` makes them: the real server, the real models."""

import asyncio

import pytest
from integration.hearing import too_busy
from integration.recordings import FOLDER, normal, prompt
from integration.server import Server

from bridge.commands.call import call
from bridge.commands.phone.call_record import CallRecord
from bridge.commands.phone.call_report import CallFigures
from bridge.commands.phone.pbx_lines import has_bot, path_of
from bridge.commands.recording import load

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAID = ("conf-waitforleader", "agent-alreadyon")


async def over(server: Server, wire: str, *, barge_in_ms: float | None = None) -> tuple[CallFigures, CallRecord]:
    recordings = [load(FOLDER / f"{name}.wav") for name in SAID]
    return await call(f"ws://{server.address}{path_of(wire)}", recordings, wire=wire, barge_in_ms=barge_in_ms)


async def test_over_every_clients_wire_what_is_said_is_told_and_a_bot_answers_where_there_is_one(
    server: Server,
) -> None:
    wires = ("plain", "talk", "deepgram", "realtime")
    made = await asyncio.gather(*(over(server, wire) for wire in wires))
    for wire, (figures, record) in zip(wires, made, strict=True):
        told = [moment.detail for moment in record.timeline if moment.what == "final"]
        assert [normal(text) for text in told] == [normal(prompt(name).text) for name in SAID], wire
        assert record.count("partial"), wire
        assert all(turn.final_ms is not None for turn in figures.turns), wire
        assert any(turn.partial_ms is not None for turn in figures.turns), wire  # a busy machine leaves out some
        assert [turn.heard_ms is not None for turn in figures.turns] == [has_bot(wire)] * len(SAID), wire
        assert not record.count("gap") or too_busy(record), wire
        await server.logged(f"over {wire}")


async def test_a_caller_over_openais_wire_interrupts_the_bot(server: Server) -> None:
    figures, record = await over(server, "realtime", barge_in_ms=700)
    assert record.count("clear") and figures.turns[-1].silent_ms is not None
