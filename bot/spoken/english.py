"""English: of the United States, of elsewhere, and of India."""

from dataclasses import replace
from typing import Final

from bot.spoken.wording import Clock, Currency, Dates, Wording

_SCALES: Final = {word: word for word in "hundred thousand million billion trillion lakh crore".split()} | {
    "k": "thousand",
    "K": "thousand",
    "m": "million",
    "M": "million",
    "bn": "billion",
    "B": "billion",
}

ENGLISH: Final = Wording(
    rules="en",
    decimal=".",
    point="point",
    minus="minus",
    plus="plus",
    percent="percent",
    times="times",
    to="to",
    number="number",
    conjunction="and",
    at="at",
    dot="dot",
    dash="dash",
    underscore="underscore",
    slash="slash",
    code="a piece of code",
    currencies={
        "USD": Currency("dollar", "dollars", "cent", "cents"),
        "EUR": Currency("euro", "euros", "cent", "cents"),
        "GBP": Currency("pound", "pounds", "penny", "pence"),
        "INR": Currency("rupee", "rupees", "paisa", "paise"),
        "JPY": Currency("yen", "yen"),
    },
    cents=" and {}",
    scales=_SCALES,
    dates=Dates(
        months=tuple("January February March April May June July August September October November December".split()),
        order="month first",
        full="{m} {d}, {y}",
        bare="{m} {d}",
        ruleset="spellout-ordinal",
        written_day=r"(?:st|nd|rd|th)?(?: of)?",
        written=("the {d} of {m}, {y}", "the {d} of {m}"),
        name_first=True,
        announced=tuple("on by until since".split()),
        short=r"(\d{1,2})/(\d{1,2})(?![\w/]|[.,]\d)",
    ),
    clock=Clock(full="{h} o'clock", minutes="{h} {m}", early="{h} oh {m}", am="a.m.", pm="p.m."),
    ordinals=dict.fromkeys(("st", "nd", "rd", "th"), "spellout-ordinal"),
    dialled=tuple("call dial ring".split()),
    years=True,
)
ENGLISH_ELSEWHERE: Final = replace(
    ENGLISH, dates=replace(ENGLISH.dates, order="day first", full="the {d} of {m}, {y}", bare="the {d} of {m}")
)
"""Of Britain, Ireland, Australia, ..."""
ENGLISH_INDIA: Final = replace(ENGLISH_ELSEWHERE, rules="en_IN")
"""With lakhs and crores. Also what Hindi in Latin letters is read with: those who write so say English numbers."""
