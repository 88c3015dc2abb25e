"""Range checks for rules that are plain numbers."""


def within(rules: object, least: float, most: float, *names: str) -> None:
    """Check that the fields `names` of `rules` lie in `least`..`most`.

    Raises:
        ValueError: one does not; the text names it, its value and what is allowed.
    """
    for name in names:
        value: float = getattr(rules, name)
        if not least <= value <= most:
            raise ValueError(f"{name} is {value}, must be {least:g} to {most:g}")
