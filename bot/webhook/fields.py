"""Texts, truths and whole numbers out of what a hook or an application says. Pure."""

from collections.abc import Mapping

Fields = Mapping[str, object]


class WrongField(TypeError):
    """A field holds something of another kind; the text names the field and the kind."""

    def __init__(self, name: str, value: object, kind: str) -> None:
        super().__init__(f"{name} is {kind}")
        self.name, self.value, self.kind = name, value, kind


def text_of(fields: Fields, name: str, default: str | None = None) -> str:
    """Return a text.

    Raises:
        WrongField: it is none.
    """
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise WrongField(name, value, "a text")
    return value


def truth_of(fields: Fields, name: str, *, default: bool) -> bool:
    """Return true or false.

    Raises:
        WrongField: it is neither.
    """
    value = fields.get(name, default)
    if not isinstance(value, bool):
        raise WrongField(name, value, "true or false")
    return value


def whole_of(fields: Fields, name: str, default: int) -> int:
    """Return a whole number.

    Raises:
        WrongField: it is none.
    """
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongField(name, value, "a whole number")
    return value
