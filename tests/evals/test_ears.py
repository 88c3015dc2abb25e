"""What a bot said is heard where its record cannot be read."""

from evals_support import act, heard

from bridge.evals.ears import Ears, utterances
from bridge.evals.facts import BotSaid, CallFacts, Span
from bridge.settings import Settings
from bridge.speech.api import Asr, AsrCapabilities, Hypothesis, Request


class Hears:
    """A recogniser that tells how long what it heard was."""

    name = "hears"
    capabilities = AsrCapabilities(languages=frozenset({"English"}))

    def __init__(self) -> None:
        self.closed = False

    async def healthy(self) -> bool:
        return True

    async def decode(self, request: Request, /) -> Hypothesis:
        seconds = len(request.audio) / 16_000
        return Hypothesis(f"{seconds:.1f} s" if seconds > 0.5 else " ", "English")

    def close(self) -> None:
        self.closed = True


async def test_each_stretch_of_speech_is_heard_at_its_time() -> None:
    loaded: list[Hears] = []

    def load(settings: Settings) -> Asr:
        loaded.append(Hears())
        return loaded[-1]

    ears = Ears(Settings(), load)
    record = heard((1000, 2000), (2600, 3000), (8000, 8100), (12_000, 14_000))
    facts = CallFacts(acts=[act(1, 5000, 6000)], record=record)
    assert (await ears.complete(facts)).said == [BotSaid(1000, "2.2 s"), BotSaid(12_000, "2.2 s")]
    assert [one.at_ms for one in await ears.hear(record, since_ms=9000)] == [12_000]
    known = CallFacts(acts=[], record=record, said=[BotSaid(0, "Hello")], kept=True)
    assert await ears.complete(known) is known
    ears.close()
    assert [one.closed for one in loaded] == [True], "it is loaded once"


def test_no_stretch_is_longer_than_a_recogniser_takes() -> None:
    spans = [Span(n * 1500, n * 1500 + 1400) for n in range(40)]
    found = utterances(spans)
    assert len(found) == 3 and max(span.to_ms - span.from_ms for span in found) <= 25_000
    assert utterances([]) == []
