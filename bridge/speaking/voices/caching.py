"""The cache of sentences that the settings want, and what fills it before the first call."""

from bridge.plugins import PluginError
from bridge.settings import Settings
from bridge.speaking.voices.sentence_cache import SentenceCache
from bridge.speaking.voices.sentence_files import SentenceFiles

_MB = 1_000_000


def make_cache(settings: Settings) -> SentenceCache | None:
    """Return the cache, None where none is wanted; blocks where it has a folder.

    Raises:
        PluginError: the folder cannot be used.
    """
    if not settings.tts_cache_mb:
        return None
    folder = settings.tts_cache_dir
    try:
        files = SentenceFiles(folder, settings.tts_cache_dir_mb * _MB) if folder else None
    except OSError as error:
        raise PluginError(f"--tts-cache-dir {folder}: {error}") from error
    return SentenceCache(settings.tts_cache_mb * _MB, files)
