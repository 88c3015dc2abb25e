"""The page of one call, one file: its sound, a drawing of both sides, the transcript and the verdicts.

What a caller or a bot said is escaped, whatever it is, and the page's own policy lets nothing run or load but itself.
"""

import base64
import hashlib
import io
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

import numpy as np

from bridge.commands.phone.call_report import write_wav
from bridge.evals.facts import CallFacts, response_ms
from bridge.evals.report.transcript import TranscriptLine, transcript
from bridge.evals.run import CallResult
from telephony.codec import decode
from telephony.events import Encoding

_PX_PER_S: Final = 60
_BIN_MS: Final = 40
_HALF: Final = 40
"""Pixels of a side's loudest sound."""
_HEIGHT: Final = 4 * _HALF + 60
_STYLE: Final = """
body{font:14px/1.5 system-ui,sans-serif;margin:2rem;max-width:75rem;color:#1c2330;background:#fff}
h1{font-size:1.3rem;margin:0 0 .3rem}.passed{color:#146c2e}.failed,.error{color:#b3261e}.void{color:#8a5a00}
.draw{overflow-x:auto;border:1px solid #d5dae3;border-radius:6px;margin:1rem 0}audio{width:100%}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #e5e8ee;vertical-align:top}
td:first-child{white-space:nowrap;font-variant-numeric:tabular-nums}tr[data-at]{cursor:pointer}tr[data-at]:hover{background:#f2f5fa}
.caller{color:#1f4fbf}.bot{color:#0b7a5b}.tool,.action{color:#7a3fb3}.understood{color:#6a7385}.fault{color:#b3261e}
@media(prefers-color-scheme:dark){body{color:#e3e7ee;background:#14181f}.draw,td,th{border-color:#2c3441}
tr[data-at]:hover{background:#1d2430}.caller{color:#8fb1ff}.bot{color:#5fd0a9}.tool,.action{color:#c9a2f2}}
"""
_SCRIPT: Final = """
const sound=document.querySelector('audio'),head=document.getElementById('head'),scale=%d;
sound.addEventListener('timeupdate',()=>head.setAttribute('x',sound.currentTime*scale));
document.addEventListener('click',event=>{
  const row=event.target.closest('[data-at]'),drawing=event.target.closest('svg');
  if(row)sound.currentTime=Number(row.dataset.at);
  else if(drawing)sound.currentTime=(event.clientX-drawing.getBoundingClientRect().left)/scale;
  else return;
  sound.play();
});
"""


def page(result: CallResult) -> str:
    """Return the page of a call as HTML."""
    job, facts = result.made.job, result.made.facts
    script = _SCRIPT % _PX_PER_S
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; media-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    status = result.status.value
    call = _call(facts) if facts else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(job.name)}: {status}</title>'
        f"<style>{_STYLE}</style></head><body>"
        f'<h1>{escape(job.name)}: <span class="{status}">{status}</span></h1>'
        f"<p>{escape(job.scenario.about)}</p><p>{escape(_line(result))}</p>"
        f"{_verdicts(result)}{call}"
        f"<script>{script}</script></body></html>\n"
    )


def _line(result: CallResult) -> str:
    made, late = result.made, result.lateness
    ended = f"ended by {made.facts.ended_by}: {made.facts.reason}. " if made.facts else ""
    error = f"{made.error}. " if made.error else ""
    return f"{error}{ended}Call {made.call_id}; own frames late: p99 {late.p99_ms:.1f} ms, most {late.worst_ms:.0f} ms."


def _verdicts(result: CallResult) -> str:
    rows = [
        (
            f'<tr><td class="{"passed" if one.met else "void" if one.soft else "failed"}">'
            f"{'met' if one.met else 'not met (soft)' if one.soft else 'not met'}</td>"
            f"<td>{f'step {one.step}' if one.step else 'call'}, line {one.line}</td>"
            f"<td>{escape(one.expected)}</td><td>{escape(one.detail)}</td></tr>"
        )
        for one in result.verdicts
    ]
    return f"<table><tr><th></th><th>where</th><th>expected</th><th>found</th></tr>{''.join(rows)}</table>"


def _call(facts: CallFacts) -> str:
    wav = io.BytesIO()
    write_wav(facts.record, wav)
    sound = base64.b64encode(wav.getvalue()).decode()
    rows = "".join(_transcript_row(line) for line in transcript(facts))
    return (
        f'<div class="draw">{_drawing(facts)}</div><audio controls src="data:audio/wav;base64,{sound}"></audio>'
        f"<table><tr><th>s</th><th></th><th>left: caller, right: bot</th></tr>{rows}</table>"
    )


def _transcript_row(line: TranscriptLine) -> str:
    at_s = max(0.0, line.at_ms / 1000)
    return (
        f'<tr data-at="{at_s:.2f}"><td>{at_s:.2f}</td><td class="{escape(line.who)}">{escape(line.who)}</td>'
        f"<td>{escape(line.text)}</td></tr>"
    )


def _drawing(facts: CallFacts) -> str:
    width = max(600, len(facts.record.bot) // 8 * _PX_PER_S // 1000 + 20)
    size = f'width="{width}" height="{_HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="caller above, bot below">',
        *_ruler(width),
        _shape(bytes(facts.record.caller), 20 + _HALF, "#1f4fbf"),
        _shape(bytes(facts.record.bot), 40 + 3 * _HALF, "#0b7a5b"),
        *_answers(facts),
        f'<rect id="head" x="0" y="0" width="1" height="{_HEIGHT}" fill="#b3261e"/></svg>',
    ]
    return "".join(parts)


def _ruler(width: int) -> Iterator[str]:
    for second in range(width // _PX_PER_S + 1):
        x = second * _PX_PER_S
        yield f'<line x1="{x}" x2="{x}" y1="0" y2="{_HEIGHT}" stroke="#8884" stroke-width="1"/>'
        yield f'<text x="{x + 3}" y="12" font-size="10" fill="#8889">{second}</text>'


def _shape(mulaw: bytes, middle: int, colour: str) -> str:
    """Return one side as a filled outline of how loud it was."""
    samples = decode(mulaw, Encoding.MULAW)
    size = 8 * _BIN_MS
    bins = samples[: len(samples) // size * size].reshape(-1, size)
    loud = np.abs(bins).max(axis=1) if len(bins) else np.zeros(1)
    xs = [round(number * _BIN_MS * _PX_PER_S / 1000, 1) for number in range(len(loud))]
    ys = [round(float(value) * _HALF, 1) for value in loud]
    above = [f"{x},{middle - y}" for x, y in zip(xs, ys, strict=True)]
    below = [f"{x},{middle + y}" for x, y in zip(reversed(xs), reversed(ys), strict=True)]
    return f'<polygon points="{" ".join([*above, *below])}" fill="{colour}"/>'


def _answers(facts: CallFacts) -> Iterable[str]:
    """Yield how long each answer was waited for, between the two sides."""
    y = 30 + 2 * _HALF
    for act in facts.acts:
        if not act.is_turn or (ms := response_ms(facts, act)) is None or ms < 0:
            continue
        x1, x2 = (round(at_ms * _PX_PER_S / 1000, 1) for at_ms in (act.ended_ms, act.ended_ms + ms))
        yield f'<line x1="{x1}" x2="{x2}" y1="{y}" y2="{y}" stroke="#b36b00" stroke-width="3"/>'
        yield f'<text x="{x1}" y="{y - 5}" font-size="11" fill="#b36b00">{ms:.0f} ms</text>'
