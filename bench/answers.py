"""How soon the bot answers who answers its question, live: python bench/answers.py [--eagerness low ...]

The real server with the real models over Twilio's wire. The bot asks, six voices of Kokoro answer, and the bot thanks
and asks again. The milliseconds are from the last sound of the caller to the first of the bot at the caller's ear, one
call after the other. `bridge models fetch kokoro` brings the voices. The machine must be quiet: see how late the
telephone was.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from callers import VOICES, Callers
from endofturn import table
from gauge import late, spread
from integration.server import serve

from bridge.commands.call import call
from bridge.evals.caller.voices import recording

ASKED: Final = {
    "Is that right?": ("Yes.", "No.", "Yes, that is right.", "No, it is not."),
    "Which day would you like?": ("Tuesday.", "On Friday, please.", "Tomorrow morning.", "The tenth of May."),
}
FLAGS: Final = ("--log-level", "WARNING", "--no-input-timeout", "0", "--bot", "asker:Asker")
BOT: Final = """
from bot.api import Bot

QUESTION = {question!r}


class Asker(Bot):
    async def on_call(self, call):
        yield QUESTION

    async def reply(self, turn):
        yield "Thank you. " + QUESTION
"""


async def measure(callers: Callers, question: str, *flags: str) -> dict[str, float | str]:
    """Return what callers heard of a bot that asks `question` each time."""
    answers = {
        voice: [recording(await callers.say(voice, text), text) for text in ASKED[question]]
        for voice in VOICES["English"]
    }
    with tempfile.TemporaryDirectory() as folder:
        await asyncio.to_thread(Path(folder, "asker.py").write_text, BOT.format(question=question), "utf-8")
        async with serve(*FLAGS, *flags, cwd=Path(folder)) as server:
            calls = [
                (await call(server.twilio, each, number=number))[0] for number, each in enumerate(answers.values())
            ]
    heard = [turn.heard_ms for figures in calls for turn in figures.turns]
    never = sum(ms is None for ms in heard)
    note = late([figures.late_p99_ms for figures in calls])
    return {"asked": question, **spread([ms for ms in heard if ms is not None]), "never": never, "note": note}


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--eagerness", action="append", help="medium where none is given; may be given several times")
    options = parser.parse_args()
    callers = await asyncio.to_thread(Callers)
    rows = [
        {"eagerness": eagerness} | await measure(callers, question, "--eagerness", eagerness)
        for eagerness in options.eagerness or ["medium"]
        for question in ASKED
    ]
    callers.close()
    print(table(rows))


if __name__ == "__main__":
    asyncio.run(main())
