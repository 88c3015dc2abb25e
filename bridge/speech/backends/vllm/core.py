"""vLLM's AsyncLLM as one coroutine that decodes. Only in the worker's process: it imports torch."""

import asyncio
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from bot import installing
from bridge.speech.api import (
    SAMPLE_RATE,
    BadRequest,
    Ended,
    EngineFailed,
    EngineLost,
    MarksAhead,
    ModelMissing,
    Overloaded,
    Samples,
)
from bridge.speech.backends.marks import LIKELIEST, marks_ahead, told_of
from bridge.speech.backends.process import refusal
from bridge.speech.backends.repetition import loop_end
from bridge.speech.backends.vllm.build import NoStatistics, arguments, config_of
from bridge.speech.backends.vllm.messages import About, Ask, Heard, Options
from bridge.speech.backends.vllm.prompts import Family, Prompt, family_of
from bridge.speech.backends.vllm.token_text import pieces_of

if TYPE_CHECKING:
    from vllm.outputs import RequestOutput

_SHUTDOWN_S: Final = 3.0
"""Seconds the engine has to end in order: less than the bridge waits for this process."""

_LOOP: Final = {"min_pattern_size": 4, "max_pattern_size": 16, "min_count": 4}
"""Stops what `loop_end` then cuts: the same thing four times in a row, sixteen tokens at least."""

_TAIL: Final = 6
"""Tokens at the end of an answer behind which marks are looked for: the last word, its marks, and the end."""


class Core:
    """One engine. Its decodes run on the loop it was made on."""

    def __init__(self, options: Options) -> None:
        """Load it. Blocks.

        Raises:
            ModelMissing: vLLM or the model is not there.
            EngineFailed: the model is of no kind we know. Whatever vLLM raises.
        """
        self._family: Family = family_of(config_of(options.model), options, transcription=self._transcription)
        try:
            from vllm.v1.engine.async_llm import AsyncLLM
        except (ImportError, OSError) as error:  # the latter where a library of it does not load
            raise ModelMissing(
                f"vLLM does not load ({refusal.one_line(error)}); get it with: {installing.extra('vllm')}"
            ) from error
        try:
            self._engine = AsyncLLM.from_engine_args(arguments(options, self._family), stat_loggers=[NoStatistics])
        except OSError as error:  # files of the model are missing, at the hub too
            raise ModelMissing(f"model {options.model!r} does not load: {refusal.one_line(error)}") from error
        self._tokenizer = self._engine.renderer.tokenizer
        self._numbers = itertools.count()
        self._languages = self._language_tokens()

    @property
    def about(self) -> About:
        """What was loaded."""
        config = self._engine.vllm_config
        number_format = str(config.model_config.dtype).removeprefix("torch.")
        return About(
            device=f"{config.device_config.device_type.upper()}, {number_format}",
            prefix=self._family.prefix,
            context=self._family.context,
            languages=tuple(sorted(self._family.languages)),
            longest_s=self._family.longest_s,
        )

    async def warm_up(self) -> None:
        """Decode silence, as a partial and as a final: the first of each compiles and allocates."""
        second = np.zeros(SAMPLE_RATE, np.float32)
        for ask in Ask(), Ask(prefix="Yes", language="English", context="Yes"), Ask(marks=True):
            await self.decode(ask, second)

    async def decode(self, ask: Ask, audio: Samples) -> Heard:
        """Return what is said in `audio`. Cancelling takes it out of the engine.

        Raises:
            BadRequest, Overloaded, EngineFailed: this decode failed. EngineLost: all of them will.
        """
        begun = time.monotonic()
        if not ask.language and (detection := self._family.detection(audio)):
            allowed = self._tokens_of(ask.languages)
            found = await self._generate(detection, ask, max_tokens=1, allowed_token_ids=allowed)
            ask = replace(ask, language=self._family.detected(self._tokenizer.decode(found.outputs[0].token_ids)))
        prompt, likeliest = self._family.prompt(ask, audio), LIKELIEST if ask.marks else None
        output = await self._generate(prompt, ask, max_tokens=ask.max_new_tokens, likeliest=likeliest)
        ended, tokens = _ending(output.outputs[0].finish_reason, output.outputs[0].token_ids)
        pieces, language = self._family.parse(pieces_of(tokens, self._text), ask)
        queue_s = _waited_s(output)
        return Heard(
            pieces=pieces,
            language=language,
            ended=ended,
            queue_ms=round(1000 * queue_s),
            run_ms=round(1000 * (time.monotonic() - begun - queue_s)),
            cached_tokens=output.num_cached_tokens or 0,
            marks=self._marks(output) if pieces and ended is Ended.STOP and told_of(language) else None,
        )

    @property
    def unfinished(self) -> int:
        """Decodes that the engine has in hand."""
        return int(self._engine.get_num_unfinished_requests())

    def close(self) -> None:
        """End the engine's processes. Blocks for up to seconds."""
        self._engine.shutdown(timeout=_SHUTDOWN_S)

    async def _generate(
        self,
        prompt: Prompt,
        ask: Ask,
        *,
        max_tokens: int,
        allowed_token_ids: list[int] | None = None,
        likeliest: int | None = None,
    ) -> "RequestOutput":
        from vllm.exceptions import MaxQueuedTokensError, QueueOverflowError, VLLMClientError
        from vllm.sampling_params import RepetitionDetectionParams, RequestOutputKind, SamplingParams
        from vllm.v1.engine.exceptions import EngineDeadError

        parameters = SamplingParams(
            temperature=0.0,
            max_tokens=max_tokens,
            allowed_token_ids=allowed_token_ids,
            logprobs=likeliest,
            detokenize=False,  # pieces are made of the tokens
            output_kind=RequestOutputKind.FINAL_ONLY,
            repetition_detection=RepetitionDetectionParams(**_LOOP),
        )
        name = str(next(self._numbers))
        output: RequestOutput | None = None
        try:
            async for latest in self._engine.generate(prompt, parameters, name, priority=ask.priority):
                output = latest
        except asyncio.CancelledError:
            with suppress(EngineDeadError):
                await self._engine.abort(name)  # it does so itself, unless it was cut off while it handed the decode in
            raise
        except (QueueOverflowError, MaxQueuedTokensError) as error:
            raise Overloaded(f"{self.unfinished} decodes wait; vllm_max_queued allows no more") from error
        except EngineDeadError as error:
            raise EngineLost("the engine died") from error
        except VLLMClientError as error:
            raise BadRequest(refusal.one_line(error)) from error
        if output is None or output.outputs[0].finish_reason in {None, "abort", "error"}:
            raise EngineFailed("the engine gave the decode up")
        return output

    def _marks(self, output: "RequestOutput") -> MarksAhead | None:
        """Return what was expected behind the last word of `output`; None where it was not asked for."""
        answer = output.outputs[0]
        tokens, chosen_from = answer.token_ids[-_TAIL:], list(answer.logprobs or ())[-_TAIL:]
        likely = [{self._text([token]): math.exp(each.logprob) for token, each in one.items()} for one in chosen_from]
        return marks_ahead([self._text([token]) for token in tokens], likely)

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))

    def _tokens_of(self, languages: Sequence[str]) -> list[int] | None:
        """Return the tokens that stand for one of `languages`, or for any where they name none that is known."""
        named = [n for n in self._languages or () if self._family.detected(self._tokenizer.decode([n])) in languages]
        return named or self._languages

    def _language_tokens(self) -> list[int] | None:
        """Return the tokens that `detection` may be answered with."""
        if not self._family.detection(np.zeros(1, np.float32)):
            return None
        vocabulary: Mapping[str, int] = self._tokenizer.get_vocab()
        return [number for token, number in vocabulary.items() if self._family.detected(token)]

    def _transcription(self, audio: Samples, code: str | None) -> tuple[Sequence[int], Sequence[Samples]]:
        from mistral_common.audio import Audio
        from mistral_common.protocol.transcription.request import TranscriptionRequest

        sound = Audio(audio, SAMPLE_RATE, format="wav")
        request = TranscriptionRequest(model="", audio=sound.to_base64("wav"), language=code)
        encoded = self._tokenizer.instruct.encode_transcription(request)
        return encoded.tokens, [one.audio_array for one in encoded.audios]


def _ending(reason: str | None, tokens: Sequence[int]) -> tuple[Ended, Sequence[int]]:
    """Return why a decode ended, and its tokens without what loops at their end."""
    ended = {"length": Ended.LENGTH, "repetition": Ended.REPETITION}.get(reason or "", Ended.STOP)
    kept = loop_end(tokens, suspect=ended is not Ended.STOP)
    return (ended, tokens) if kept is None else (Ended.REPETITION, tokens[:kept])


def _waited_s(output: "RequestOutput") -> float:
    times = output.metrics
    return max(0.0, times.scheduled_ts - times.queued_ts) if times else 0.0
