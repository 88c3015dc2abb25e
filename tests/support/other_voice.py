"""A voice beside the usual fake."""

from fakes import FakeTts


class Other(FakeTts):
    """Knows whether it was closed."""

    closed = False

    def close(self) -> None:
        type(self).closed = True
