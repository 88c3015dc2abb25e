"""How each family of models that vLLM serves is asked, and how its answer is read. Pure: knows no vLLM.

The prompts are the dictionaries that `AsyncLLM.generate` takes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.languages import ENGLISH_NAMES
from bridge.speech.api import SAMPLE_RATE, EngineFailed, Samples
from bridge.speech.backends import qwen3
from bridge.speech.backends.vllm.messages import Ask, Options
from bridge.speech.languages import code_of

Prompt = Mapping[str, object]
Answer = tuple[tuple[str, ...], str]
"""Pieces of text, and the English name of their language; "" where nothing was heard."""
Transcription = Callable[[Samples, str | None], tuple[Sequence[int], Sequence[Samples]]]
"""Makes (prompt tokens, padded audio) of audio and the code of its language, with a model's own tokenizer."""

_ROOM: Final = 512
"""Tokens of a prompt and its answer beside the audio: context, prefix and text."""
_LONGEST_S: Final = 1200
"""Seconds that the released models take in one piece."""
_QWEN_TOKENS_A_SECOND: Final = 13

_WHISPER_POSITIONS: Final = 448
_WHISPER_CONTEXT: Final = 200
"""Characters of context that count, from the end: at one and a half tokens each there is room for the text."""
_WHISPER_ENGLISH_ONLY: Final = 51_864
"""Size of the vocabulary that has no languages."""
_UNSPACED: Final = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})
"""Languages whose sentences Whisper does not begin with a space."""

_VOXTRAL_LANGUAGES: Final = frozenset("Dutch English French German Hindi Italian Portuguese Spanish".split())
_VOXTRAL_CHUNK_S: Final = 30
_VOXTRAL_CHUNK_TOKENS: Final = 375
"""Voxtral pads audio to whole chunks, of 12.5 tokens a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family(ABC):
    """One kind of model."""

    languages: frozenset[str]
    """English names."""
    longest_s: float
    items: int = 1
    """Pieces of audio in one prompt, at most."""
    prefix: bool = True
    context: bool = True
    engine: Mapping[str, object] = field(default_factory=dict)
    """Arguments of the engine that only this family needs."""

    def detection(self, audio: Samples) -> Prompt | None:
        """Return what makes the model say the language in one token; None where it does so by itself."""
        return None

    def detected(self, token: str) -> str:
        """Return the English name of the language that `token` stands for; "" for any other token."""
        return ""

    @abstractmethod
    def prompt(self, ask: Ask, audio: Samples) -> Prompt:
        """Return the prompt for `audio`."""

    @abstractmethod
    def parse(self, pieces: Sequence[str], ask: Ask) -> Answer:
        """Read the answer to `ask`, whose language is filled in where `detection` found it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Qwen3Asr(Family):
    """Qwen3-ASR. Audio is given in windows, so that what is full is computed once."""

    def prompt(self, ask: Ask, audio: Samples) -> Prompt:
        pieces, ids = self._items(audio, ask.key)
        text = qwen3.prompt(windows=len(pieces), context=ask.context, language=ask.language, prefix=ask.prefix)
        return {"prompt": text, "multi_modal_data": {"audio": pieces}, "multi_modal_uuids": {"audio": ids}}

    def parse(self, pieces: Sequence[str], ask: Ask) -> Answer:
        return qwen3.parse(pieces, ask.language)

    def _items(self, audio: Samples, key: str) -> tuple[list[Samples], list[str | None]]:
        """Cut `audio` into windows; what is over the last item's begin stays in it, which costs reuse and no word."""
        at = (self.items - 1) * qwen3.WINDOW_S * SAMPLE_RATE
        if len(audio) <= at:
            return qwen3.windows(audio), qwen3.window_ids(audio, key)
        if not at:
            return [audio], [None]
        return [*qwen3.windows(audio[:at]), audio[at:]], [*qwen3.window_ids(audio[:at], key), None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whisper(Family):
    """Whisper and what was trained like it: 30 s at once, however short the audio is."""

    multilingual: bool

    def detection(self, audio: Samples) -> Prompt | None:
        return _heard_by_whisper("<|startoftranscript|>", audio) if self.multilingual else None

    def detected(self, token: str) -> str:
        return ENGLISH_NAMES.get(token[2:-2], "") if token.startswith("<|") else ""

    def prompt(self, ask: Ask, audio: Samples) -> Prompt:
        code = (code_of(ask.language) if ask.language else None) or "en"
        context = qwen3.plain(ask.context).strip()[-_WHISPER_CONTEXT:]
        spoken = f"<|{code}|><|transcribe|>" if self.multilingual else ""
        begun = qwen3.plain(ask.prefix)
        return _heard_by_whisper(
            (f"<|startofprev|> {context}" if context else "")
            + f"<|startoftranscript|>{spoken}<|notimestamps|>"
            + (begun if not begun or code in _UNSPACED else f" {begun}"),
            audio,
        )

    def parse(self, pieces: Sequence[str], ask: Ask) -> Answer:
        if not any(piece.strip() for piece in pieces):
            return (), ""
        return tuple(pieces) if ask.prefix else qwen3.without_head(pieces, _spaces(pieces)), ask.language or "English"


@dataclass(frozen=True, slots=True, kw_only=True)
class Voxtral(Family):
    """Voxtral, in its transcription mode. That names no context, and does not say which language it heard."""

    transcription: Transcription

    def prompt(self, ask: Ask, audio: Samples) -> Prompt:
        tokens, padded = self.transcription(audio, code_of(ask.language) if ask.language else None)
        items = [(samples, SAMPLE_RATE) for samples in padded]
        return {"prompt_token_ids": list(tokens), "multi_modal_data": {"audio": items}}

    def parse(self, pieces: Sequence[str], ask: Ask) -> Answer:
        if not any(piece.strip() for piece in pieces):
            return (), ""
        return qwen3.without_head(pieces, _spaces(pieces)), ask.language or ""


def family_of(config: Mapping[str, object], options: Options, *, transcription: Transcription) -> Family:
    """Return the family of the model with this config.json; `transcription` is called by prompts that need it.

    Raises:
        EngineFailed: it is none of ours.
    """
    named = config.get("architectures")
    architectures = [str(name) for name in named] if isinstance(named, list) else []
    if "Qwen3ASRForConditionalGeneration" in architectures:
        return _qwen3(options)
    if "WhisperForConditionalGeneration" in architectures:
        return _whisper(multilingual=config.get("vocab_size") != _WHISPER_ENGLISH_ONLY)
    if "VoxtralForConditionalGeneration" in architectures:
        return _voxtral(options, transcription)
    raise EngineFailed(
        f"asr_model_path is {options.model!r}, a {' or '.join(architectures) or 'model of no architecture'}; "
        "supported are Qwen3ASR-, Whisper- and VoxtralForConditionalGeneration"
    )


def _qwen3(options: Options) -> Qwen3Asr:
    tokens = min(max(options.max_model_len - _ROOM, options.max_model_len // 2), options.max_num_batched_tokens)
    return Qwen3Asr(
        languages=qwen3.LANGUAGES,
        longest_s=min(_LONGEST_S, tokens // _QWEN_TOKENS_A_SECOND),
        items=options.most_windows if options.audio_windows else 1,
    )


def _whisper(*, multilingual: bool) -> Whisper:
    return Whisper(
        multilingual=multilingual,
        languages=frozenset(ENGLISH_NAMES.values() if multilingual else ["English"]),
        longest_s=30,
        # A decode with prefix caching ends the whole engine: its cross-attention knows none (vLLM 0.32).
        engine={"max_model_len": _WHISPER_POSITIONS, "enable_prefix_caching": False},
    )


def _voxtral(options: Options, transcription: Transcription) -> Voxtral:
    chunks = max(1, (options.max_model_len - _ROOM) // _VOXTRAL_CHUNK_TOKENS)
    return Voxtral(
        transcription=transcription,
        languages=_VOXTRAL_LANGUAGES,
        longest_s=min(_LONGEST_S, chunks * _VOXTRAL_CHUNK_S),
        prefix=False,
        context=False,
        engine={"tokenizer_mode": "mistral"},
    )


def _heard_by_whisper(decoder: str, audio: Samples) -> Prompt:
    return {
        "encoder_prompt": {"prompt": "", "multi_modal_data": {"audio": (audio, SAMPLE_RATE)}},
        "decoder_prompt": decoder,
    }


def _spaces(pieces: Sequence[str]) -> int:
    text = "".join(pieces)
    return len(text) - len(text.lstrip())
