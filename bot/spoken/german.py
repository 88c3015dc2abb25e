"""German."""

from typing import Final

from bot.spoken.wording import Clock, Currency, Dates, Wording

GERMAN: Final = Wording(
    rules="de",
    decimal=",",
    point="Komma",
    minus="minus",
    plus="plus",
    percent="Prozent",
    times="mal",
    to="bis",
    number="Nummer",
    conjunction="und",
    at="ät",
    dot="Punkt",
    dash="Bindestrich",
    underscore="Unterstrich",
    slash="Schrägstrich",
    code="ein Stück Code",
    currencies={
        "USD": Currency("Dollar", "Dollar", "Cent", "Cent", "spellout-cardinal-masculine"),
        "EUR": Currency("Euro", "Euro", "Cent", "Cent", "spellout-cardinal-masculine"),
        "GBP": Currency("Pfund", "Pfund", "Penny", "Pence", "spellout-cardinal-masculine"),
        "INR": Currency("Rupie", "Rupien", "Paisa", "Paise", "spellout-cardinal-feminine"),
        "JPY": Currency("Yen", "Yen", ruleset="spellout-cardinal-masculine"),
    },
    cents=" und {}",
    scales={word: word for word in "Tausend Million Millionen Milliarde Milliarden".split()}
    | {"Mio.": "Millionen", "Mrd.": "Milliarden", "Mio": "Millionen", "Mrd": "Milliarden"},
    dates=Dates(
        months=tuple("Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()),
        order="day first",
        full="{d} {m} {y}",
        bare="{d} {m}",
        ruleset="spellout-ordinal-r",
        inflected=dict.fromkeys("am vom zum beim den dem seit ab bis".split(), "spellout-ordinal-n")
        | {"der": "spellout-ordinal"},
        written_day=r"\.",
        announced=tuple("am vom zum seit ab bis".split()),
        short=r"(\d{1,2})\.(\d{1,2})\.(?!\w)",
    ),
    clock=Clock(full="{h} Uhr", minutes="{h} Uhr {m}", ruleset="spellout-cardinal-masculine", unit=r"\sUhr\b"),
    one=("[A-ZÄÖÜ]", "ein"),
    years=True,
)
