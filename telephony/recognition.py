"""What a client may ask of the recogniser."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecognitionOptions:
    """What a client may ask of the recogniser for its session; the defaults are the original protocol's."""

    context: str = ""
    """Words that bias recognition: names, products, jargon."""
    language: str | None = None
    """English name of the language ("Hindi"); None lets the engine decide."""
    unfixed_chunk_num: int = 4
    """Chunks of an utterance that are decoded without a prefix."""
    unfixed_token_num: int = 5
    """Pieces taken back from the end of a hypothesis before it becomes the next prefix."""
    chunk_size_sec: float = 1.0
    """Seconds of new audio between partials."""
    max_new_tokens: int = 32
    """Tokens a partial may add; a final may have as many as its audio can hold."""
    partials: bool = True
    words: bool = False  # finals say when each word was spoken, where the engine knows
    languages: tuple[str, ...] = ()
    """Those that the engine may decide for; () is any."""
    script: str = ""
    """"latin" or "native", in which transcripts are written; "" is what the server's settings say."""
    endpoint_ms: int | None = None  # silence that ends an utterance; None: as the settings say
