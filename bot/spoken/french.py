"""French."""

from typing import Final

from bot.spoken.wording import Clock, Currency, Dates, Wording

FRENCH: Final = Wording(
    rules="fr",
    decimal=",",
    point="virgule",
    minus="moins",
    plus="plus",
    percent="pour cent",
    times="fois",
    to="à",
    number="numéro",
    conjunction="et",
    at="arobase",
    dot="point",
    dash="tiret",
    underscore="tiret bas",
    slash="barre oblique",
    code="un extrait de code",
    currencies={
        "USD": Currency("dollar", "dollars", "cent", "cents", "spellout-cardinal-masculine"),
        "EUR": Currency("euro", "euros", "centime", "centimes", "spellout-cardinal-masculine"),
        "GBP": Currency("livre", "livres", "penny", "pence", "spellout-cardinal-feminine"),
        "INR": Currency("roupie", "roupies", "paisa", "paisas", "spellout-cardinal-feminine"),
        "JPY": Currency("yen", "yens", ruleset="spellout-cardinal-masculine"),
    },
    cents=" et {}",
    scales={word: word for word in ("mille", "million", "millions", "milliard", "milliards")},
    scaled="{n} {scale} {currency:de}",
    dates=Dates(
        months=tuple("janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()),
        order="day first",
        full="{d} {m} {y}",
        bare="{d} {m}",
        first="premier",
        announced=("le", "du", "au"),
        short=r"(\d{1,2})/(\d{1,2})(?![\w/]|[.,]\d)",
    ),
    clock=Clock(
        full="{h} heures",
        minutes="{h} heures {m}",
        ruleset="spellout-cardinal-feminine",
    ),
    ordinals={
        **dict.fromkeys(("er", "e", "ème", "eme"), "spellout-ordinal-masculine"),
        **dict.fromkeys(("re", "ère"), "spellout-ordinal-feminine"),
    },
    spaced=True,
    pairs=True,
)
