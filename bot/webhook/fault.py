"""What every part of a hook raises when it is of no use to the caller."""


class HookFailed(RuntimeError):
    """A hook gave no answer that can be spoken; the caller hears the fallback sentence. The text holds no secret."""
