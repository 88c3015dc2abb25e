"""What the caller of a replay has to hear, or press, since the call was recorded. Nothing is recorded."""

from collections.abc import Callable

from bridge.observer import RecordingSwitch
from bridge.recording.consent import Consent
from bridge.settings import Settings


class PlayedConsent(RecordingSwitch):
    """The consent to a recording that is none."""

    def __init__(self, rule: str, announcement: str, clock_s: Callable[[], float]) -> None:
        """`rule`: see Consent. `announcement` comes before all else."""
        self.announcement = announcement
        self._consent, self._clock_s = Consent(rule), clock_s

    @property
    def announcing(self) -> bool:
        return self._consent.announcing

    def announced(self) -> None:
        self._consent.announced(self._clock_s())

    def unannounced(self) -> None:
        self._consent.unannounced()

    def press(self, key: str) -> bool:
        return self._consent.press(key, self._clock_s())


def switch_of(settings: Settings, clock_s: Callable[[], float]) -> RecordingSwitch:
    """Return what a call with `settings` says to its recording."""
    if settings.record_calls and settings.record_consent:
        return PlayedConsent(settings.record_consent, settings.record_consent_text, clock_s)
    return RecordingSwitch()
