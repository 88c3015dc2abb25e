"""What a bot says, with more to know about it, and what of it was heard."""

from enum import StrEnum


class Expect(StrEnum):
    """What the bot says that the caller will say next; it decides how long a pause of the caller may last."""

    ANYTHING = "anything"
    YES_NO = "yes_no"
    DIGITS = "digits"
    NAME = "name"
    EMAIL = "email"
    SPELLING = "spelling"


class Say(str):
    """A text to say, with more to know about it; a plain str says the same and leaves it all as it is.

    yield Say("This call is recorded.", interruptible=False)
    yield Say("What is your customer number?", expect="digits", digits=8)
    """

    interruptible: bool
    """False: heard to its end whatever the caller says meanwhile, which is answered afterwards. For legal notices."""
    expect: Expect
    """What the caller is to say next. The last word on it in a reply counts; without one, anything."""
    digits: int
    """With digits: so many make the number whole, and the turn closes at once; 0 is not known."""
    keys_interrupt: bool
    """True: a key ends it, too. Keys that are collected do so anyway, where it is interruptible."""
    goes_on: bool
    """True: a piece of a sentence, as a plain str is; otherwise it is whole by itself."""

    def __new__(
        cls,
        text: str,
        *,
        interruptible: bool = True,
        expect: str = "anything",
        digits: int = 0,
        keys_interrupt: bool = False,
        goes_on: bool = False,
    ) -> "Say":
        """Raises:
        ValueError: nobody can expect that.
        """
        if expect not in set(Expect):
            raise ValueError(f"expect is {expect!r}, must be one of {', '.join(Expect)}")
        if digits < 0:
            raise ValueError(f"digits is {digits}, must be 0 or more")
        say = super().__new__(cls, text)
        say.interruptible, say.expect, say.digits = interruptible, Expect(expect), digits
        say.keys_interrupt, say.goes_on = keys_interrupt, goes_on
        return say


class Heard(str):
    """What the caller heard of a reply before speaking over it, in whole words; the point of it beside the text."""

    rest: str
    """What was made and not heard."""
    played_ms: int
    """Audio of the reply that the caller has heard."""

    def __new__(cls, text: str, *, rest: str = "", played_ms: int = 0) -> "Heard":
        heard = super().__new__(cls, text)
        heard.rest, heard.played_ms = rest, played_ms
        return heard
