"""What cannot be said of one option of a carrier alone."""

from collections.abc import Callable, Iterator

from pydantic import BaseModel


def refusals(settings: BaseModel, *, is_here: Callable[[str], bool]) -> Iterator[str]:
    """Yield why a server must not start with these options of carriers. `is_here`: whether a URL is of this machine."""
    for name in type(settings).model_fields:
        if not name.endswith("_api_url") or name == "twilio_api_url":
            continue
        url = str(getattr(settings, name))
        if not (url.startswith("https:") or is_here(url)):
            yield f"--{name.replace('_', '-')} {url}: the key goes there, so it must be https://"
