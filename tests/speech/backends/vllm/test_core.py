"""What is asked of vLLM before the first call."""

from dataclasses import dataclass, field
from typing import cast

from bridge.speech.api import Samples
from bridge.speech.backends.vllm.core import Core
from bridge.speech.backends.vllm.messages import Ask


@dataclass
class Asked:
    """Takes decodes."""

    asks: list[Ask] = field(default_factory=list)

    async def decode(self, ask: Ask, audio: Samples) -> None:
        self.asks.append(ask)


async def test_no_caller_is_the_first_to_ask_for_anything() -> None:
    """The first decode of each form compiles: the first final with marks took 2.4 s, the next 0.04."""
    asked = Asked()
    await Core.warm_up(cast(Core, asked))
    assert {ask.marks for ask in asked.asks} == {False, True}
    assert {bool(ask.prefix) for ask in asked.asks} == {False, True}
