"""Spanish."""

from typing import Final

from bot.spoken.wording import Clock, Currency, Dates, Wording

SPANISH: Final = Wording(
    rules="es",
    decimal=",",
    point="coma",
    minus="menos",
    plus="más",
    percent="por ciento",
    times="por",
    to="a",
    number="número",
    conjunction="y",
    at="arroba",
    dot="punto",
    dash="guion",
    underscore="guion bajo",
    slash="barra",
    code="un fragmento de código",
    currencies={
        "USD": Currency("dólar", "dólares", "centavo", "centavos", "spellout-cardinal-masculine"),
        "EUR": Currency("euro", "euros", "céntimo", "céntimos", "spellout-cardinal-masculine"),
        "GBP": Currency("libra", "libras", "penique", "peniques", "spellout-cardinal-feminine"),
        "INR": Currency("rupia", "rupias", "paisa", "paisas", "spellout-cardinal-feminine"),
        "JPY": Currency("yen", "yenes", ruleset="spellout-cardinal-masculine"),
    },
    cents=" con {}",
    scales={word: word for word in ("mil", "millón", "millones", "billón", "billones")},
    scaled="{n} {scale} de {currency}",
    dates=Dates(
        months=tuple(
            "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split()
        ),
        order="day first",
        full="{d} de {m} de {y}",
        bare="{d} de {m}",
        first="primero",
        announced=("el", "del", "al"),
        short=r"(\d{1,2})/(\d{1,2})(?![\w/]|[.,]\d)",
    ),
    clock=Clock(full="{h} en punto", minutes="{h} {m}", ruleset="spellout-cardinal-feminine"),
    ordinals={
        "º": "spellout-ordinal-masculine",
        "ª": "spellout-ordinal-feminine",
        "er": "spellout-ordinal-masculine-adjective",
    },
    one=("(?:mill|bill|euro|dólar|día|mes|año|minuto)", "un"),
)
