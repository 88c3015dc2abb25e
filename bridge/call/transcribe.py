"""From a growing utterance to its transcripts: which decode is asked for, when, and which text is handed on.

The rules are in speech/rollback.py and speech/stability.py; here they meet the engine.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

from bot.api import Final, Partial
from bridge.call.turn_detector import NoTurnDetector, TurnDetection
from bridge.call.utterance import Snapshot, Utterance
from bridge.speech.api import Asr, Ended, Overloaded, Request, SpeechError
from bridge.speech.call_language import CallLanguage
from bridge.speech.rollback import LEAST_SPEECH_MS, Cadence, Draft, PrefixRollback
from bridge.speech.stability import Screen
from bridge.speech.transliteration import speller
from telephony.recognition import RecognitionOptions

log = logging.getLogger(__name__)

_PARTIAL_TIMEOUT_S = 2.0
"""Or a chunk, where that is longer: a partial that takes more keeps newer audio from being heard."""
_FINAL_TIMEOUT_S = 30.0
"""All attempts together: past it the caller has long asked whether anybody is there."""
_FINAL_TOKENS_A_SECOND = 8
"""Twice what fast English takes; what needs more is continued."""
_CONTINUATIONS = 8
"""Times a final that ran out of tokens is taken up again."""
_IN_THE_EAR_MS = 31
"""Of what has come, less than a window of the VAD is in no utterance yet. Were it not counted, the messages of a client
that sends a chunk in each would fall just short of it, and only every second bring a partial."""
_NO_TURN_DETECTOR = NoTurnDetector()


async def transcribe(
    utterance: Utterance,
    asr: Asr,
    options: RecognitionOptions,
    *,
    on_partial: Callable[[Partial], Awaitable[None]],
    wanted: Callable[[], bool] = lambda: True,
    turn_detector: TurnDetection = _NO_TURN_DETECTOR,
    language: CallLanguage | None = None,
) -> Final:
    """Hand the partials of `transcripts` to `on_partial`, and return the final.

    Raises:
        SpeechError: the final could not be had at the second try either.
    """
    found = transcripts(utterance, asr, options, turn_detector, language, wanted=wanted)
    async with aclosing(found):
        async for transcript in found:
            if isinstance(transcript, Final):
                return transcript
            await on_partial(transcript)
    raise AssertionError("the last transcript is the final")


async def transcripts(
    utterance: Utterance,
    asr: Asr,
    options: RecognitionOptions,
    turn_detector: TurnDetection = _NO_TURN_DETECTOR,
    language: CallLanguage | None = None,
    *,
    wanted: Callable[[], bool] = lambda: True,
) -> AsyncGenerator[Partial | Final, None]:
    """Yield partials as the caller speaks, then the one final; its text is empty when nothing was said.

    At most one decode is under way. The final's begins at the first pause and is thrown away if speech goes on.
    `turn_detector` is told of each text before it is yielded. `language`: that of the call, which the final counts for;
    None is what `options` say. While no partial is `wanted`, only pauses are decoded. May be called again for an
    utterance whose final could not be had.

    Raises:
        SpeechError: the final could not be had at the second try either.
    """
    chunk_ms = round(options.chunk_size_sec * 1000)
    rollback = PrefixRollback(options.unfixed_chunk_num, options.unfixed_token_num, chunk_ms=chunk_ms)
    language = language or CallLanguage(allowed=options.languages, forced=options.language or "")
    spell = speller(options.script)
    cadence, screen, decoder = Cadence(chunk_ms), Screen(), _Decoder(asr, options, utterance.key, language)
    draft, lost, heard_ms = Draft(), None, 0

    def due(spoken_ms: int, speech_end_ms: int) -> bool:
        return wanted() and cadence.due(spoken_ms, speech_end_ms + _IN_THE_EAR_MS)

    async with aclosing(utterance.snapshots(due)) as snapshots:
        async for snapshot in snapshots:
            cadence.begun(snapshot.length_ms)
            prefix = Draft() if snapshot.complete else rollback.prefix(snapshot.length_ms)
            try:
                decoded = await utterance.while_wanted(decoder.decode(snapshot, prefix, first=not draft.text))
            except SpeechError as error:
                log.log(logging.DEBUG if isinstance(error, Overloaded) else logging.WARNING, "decode failed: %s", error)
                lost = snapshot if snapshot.complete else None
                continue
            if decoded is None:  # it paused or went on meanwhile
                continue
            draft, lost, heard_ms = decoded, None, snapshot.spoken_ms
            if not snapshot.complete:  # each pause would change what the prefix has settled
                rollback.add(draft)
            cadence.heard(draft.text)
            said = spell(draft.text)
            await _tell(turn_detector, utterance, snapshot, said, draft)
            if not utterance.closed and (text := screen.show(said, complete=snapshot.complete)):
                yield Partial(text, draft.language)
    turn_detector.withdrawn(utterance.key)
    if lost:
        draft, heard_ms = await decoder.decode(lost, Draft(), first=False), lost.spoken_ms
    language.heard(draft.text, draft.language, spoken_ms=heard_ms, probability=draft.language_probability)
    at_ms = utterance.audio_from_ms
    words = tuple((spell(word), at_ms + from_ms, at_ms + to_ms) for word, from_ms, to_ms in draft.words)
    yield Final(spell(draft.text).strip(), draft.language, utterance.began_ms, utterance.ended_ms, words)


async def _tell(
    turn_detector: TurnDetection, utterance: Utterance, snapshot: Snapshot, said: str, draft: Draft
) -> None:
    """Let the end of the turn be judged, while it may still be open. `said`: the text of `draft` as it is written."""
    if snapshot.complete:
        turn_detector.served(utterance.key)
    if utterance.closed:
        return
    if not snapshot.complete:
        turn_detector.hear(said, draft.language)
        return
    weighing = turn_detector.weigh(snapshot.audio, said, draft.language, draft.marks)
    await utterance.while_wanted(weighing, until_closed=True)


class _Decoder:
    """Gets the text of one utterance out of an engine."""

    def __init__(self, asr: Asr, options: RecognitionOptions, key: str, language: CallLanguage) -> None:
        self._asr, self._options, self._key, self._language = asr, options, key, language

    async def decode(self, snapshot: Snapshot, prefix: Draft, *, first: bool) -> Draft:
        """Return what is said in `snapshot`, which begins with `prefix`: nothing where there is hardly any speech.

        `first`: there is no text of this utterance yet.

        A loop is decoded once more without the prefix it may have grown from. A final that ran out of tokens is
        continued; the rest of a partial comes with the next.
        """
        if snapshot.spoken_ms < LEAST_SPEECH_MS:
            return Draft()
        draft = await self._ask(snapshot, prefix, first=first)
        if draft.ended is Ended.REPETITION and prefix.pieces:
            draft = await self._ask(snapshot, Draft(), first=first)
        return await self._continued(snapshot, draft) if snapshot.complete else draft

    async def _continued(self, snapshot: Snapshot, draft: Draft) -> Draft:
        for _ in range(_CONTINUATIONS):
            if draft.ended is not Ended.LENGTH or not self._asr.capabilities.prefix or not draft.language:
                break
            longer = await self._ask(snapshot, draft, first=False)
            if len(longer.text) <= len(draft.text):
                break
            draft = replace(longer, language_probability=draft.language_probability)
        return draft

    async def _ask(self, snapshot: Snapshot, prefix: Draft, *, first: bool) -> Draft:
        options, tokens = self._options, self._options.max_new_tokens
        if not self._asr.capabilities.prefix:
            prefix = Draft()
        if snapshot.complete:
            tokens = max(tokens, _FINAL_TOKENS_A_SECOND * snapshot.length_ms // 1000)
        request = Request(
            snapshot.audio,
            prefix=prefix.text,
            language=prefix.language or self._language.told(snapshot.spoken_ms) or None,
            languages=self._language.allowed,
            context=options.context,
            final=snapshot.complete,
            max_new_tokens=tokens,
            timeout_s=_FINAL_TIMEOUT_S if snapshot.complete else max(_PARTIAL_TIMEOUT_S, options.chunk_size_sec),
            key=self._key,
            first=first,
            words=options.words and snapshot.complete,
        )
        draft = prefix.then(await self._asr.decode(request))
        other = self._language.instead_of(draft.language, probability=draft.language_probability)
        if other and not request.language:
            request = replace(request, language=other)
            draft = prefix.then(await self._asr.decode(request))
        return replace(draft, language_probability=0.0) if request.language else draft
