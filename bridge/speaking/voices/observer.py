"""Who is told what the voices do."""

from typing import Protocol


class VoiceObserver(Protocol):
    """Counts what voices do; `voice` is the name that the settings have for it."""

    def first_audio(self, voice: str, /, *, took_s: float) -> None:
        """The first audio of a sentence was made, `took_s` after it was asked for."""

    def failed(self, voice: str, /) -> None:
        """A sentence was not made whole: the voice raised, or took too long."""

    def from_cache(self, voice: str, /, *, hit: bool) -> None:
        """A sentence was asked for that the cache has, or shares with a call that has it made now, or has not."""

    def server_failed(self, server: str, reason: str, /) -> None:
        """A server of a voice, by its address, did not say a sentence or the rest of one; another did, or none."""


class VoiceObservers:
    """All of them, shared by the voices of a server: who counts comes after the voices were tried."""

    def __init__(self) -> None:
        self._all: list[VoiceObserver] = []

    def add(self, observer: VoiceObserver) -> None:
        """Tell `observer`, too, from now on."""
        self._all.append(observer)

    def first_audio(self, voice: str, /, *, took_s: float) -> None:
        for observer in self._all:
            observer.first_audio(voice, took_s=took_s)

    def failed(self, voice: str, /) -> None:
        for observer in self._all:
            observer.failed(voice)

    def from_cache(self, voice: str, /, *, hit: bool) -> None:
        for observer in self._all:
            observer.from_cache(voice, hit=hit)

    def server_failed(self, server: str, reason: str, /) -> None:
        for observer in self._all:
            observer.server_failed(server, reason)
