"""Spanish."""

from typing import Final

from bot.spoken.wording import Clock, Currency, Dates, Unit, Wording

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
    star="asterisco",
    hash="almohadilla",
    per="por",
    units={
        "km/h": Unit("kilómetro por hora", "kilómetros por hora", "spellout-cardinal-masculine"),
        "mph": Unit("milla por hora", "millas por hora", "spellout-cardinal-feminine"),
        "kg": Unit("kilo", "kilos", "spellout-cardinal-masculine"),
        "g": Unit("gramo", "gramos", "spellout-cardinal-masculine"),
        "mg": Unit("miligramo", "miligramos", "spellout-cardinal-masculine"),
        "km": Unit("kilómetro", "kilómetros", "spellout-cardinal-masculine"),
        "m": Unit("metro", "metros", "spellout-cardinal-masculine"),
        "cm": Unit("centímetro", "centímetros", "spellout-cardinal-masculine"),
        "mm": Unit("milímetro", "milímetros", "spellout-cardinal-masculine"),
        "l": Unit("litro", "litros", "spellout-cardinal-masculine"),
        "ml": Unit("mililitro", "mililitros", "spellout-cardinal-masculine"),
        "°C": Unit("grado Celsius", "grados Celsius", "spellout-cardinal-masculine"),
        "°F": Unit("grado Fahrenheit", "grados Fahrenheit", "spellout-cardinal-masculine"),
        "kWh": Unit("kilovatio hora", "kilovatios hora", "spellout-cardinal-masculine"),
        "kW": Unit("kilovatio", "kilovatios", "spellout-cardinal-masculine"),
        "W": Unit("vatio", "vatios", "spellout-cardinal-masculine"),
        "GB": Unit("gigabyte", "gigabytes", "spellout-cardinal-masculine"),
        "MB": Unit("megabyte", "megabytes", "spellout-cardinal-masculine"),
        "TB": Unit("terabyte", "terabytes", "spellout-cardinal-masculine"),
        "min": Unit("minuto", "minutos", "spellout-cardinal-masculine"),
        "h": Unit("hora", "horas", "spellout-cardinal-feminine"),
        "s": Unit("segundo", "segundos", "spellout-cardinal-masculine"),
        "ft": Unit("pie", "pies", "spellout-cardinal-masculine"),
        "lb": Unit("libra", "libras", "spellout-cardinal-feminine"),
        "oz": Unit("onza", "onzas", "spellout-cardinal-feminine"),
        "mi": Unit("milla", "millas", "spellout-cardinal-feminine"),
        "m²": Unit("metro cuadrado", "metros cuadrados", "spellout-cardinal-masculine"),
        "km²": Unit("kilómetro cuadrado", "kilómetros cuadrados", "spellout-cardinal-masculine"),
        "Mbit/s": Unit("megabit por segundo", "megabits por segundo", "spellout-cardinal-masculine"),
        "°": Unit("grado", "grados", "spellout-cardinal-masculine"),
    },
    fractions={
        2: ("medio", "medios"),
        3: ("tercio", "tercios"),
        4: ("cuarto", "cuartos"),
        5: ("quinto", "quintos"),
        6: ("sexto", "sextos"),
        7: ("séptimo", "séptimos"),
        8: ("octavo", "octavos"),
        9: ("noveno", "novenos"),
        10: ("décimo", "décimos"),
    },
    one_part="un",
    parts_alone={"1/2": "medio"},
    halves={"1/2": "medio"},
    mixed="{n} y {f}",
    half_of=(r"\w+as?", "media {}", "medio {}"),
    half_behind=(r"\w+as?", "medio", "media"),
    dialled=tuple("llame llama llamar marque marca marcar emergencias emergencia teléfono tel al".split()),
    identified=(
        r"(?:c[óo]digo(?: postal| de \w+)?|PIN|CVV|CP|OTP|clave|contraseña|tarjeta|pedido|orden|cuenta|ticket|"
        r"boleto|reserva|factura|referencia|localizador|seguimiento|póliza|expediente|caso|cliente|"
        r"contrato|DNI|NIE|pasaporte|vuelo|extensión|contador|IBAN|ID|número de (?:\w+ )?\w+)"
    ),
    linked=(
        r"(?:(?:número|núm\.|n\.º|nº|es|era|son|(?:termina|terminada|acaba|empieza) (?:en|con|por)|:|#|-|"
        r",|=|«|\()[ ]?)"
    ),
    to_dial=r"(?:al|el|a|es|de|por favor|número|:|nos)",
    alternatives=r"o|y|/|,",
    currencies={
        "USD": Currency("dólar", "dólares", "centavo", "centavos", "spellout-cardinal-masculine"),
        "EUR": Currency("euro", "euros", "céntimo", "céntimos", "spellout-cardinal-masculine"),
        "GBP": Currency("libra", "libras", "penique", "peniques", "spellout-cardinal-feminine"),
        "INR": Currency("rupia", "rupias", "paisa", "paisas", "spellout-cardinal-feminine"),
        "JPY": Currency("yen", "yenes", ruleset="spellout-cardinal-masculine"),
        "AUD": Currency(
            "dólar australiano", "dólares australianos", "centavo", "centavos", "spellout-cardinal-masculine"
        ),
        "CAD": Currency(
            "dólar canadiense", "dólares canadienses", "centavo", "centavos", "spellout-cardinal-masculine"
        ),
        "NZD": Currency(
            "dólar neozelandés", "dólares neozelandeses", "centavo", "centavos", "spellout-cardinal-masculine"
        ),
        "SGD": Currency(
            "dólar de Singapur", "dólares de Singapur", "centavo", "centavos", "spellout-cardinal-masculine"
        ),
        "HKD": Currency(
            "dólar de Hong Kong", "dólares de Hong Kong", "centavo", "centavos", "spellout-cardinal-masculine"
        ),
        "CHF": Currency("franco suizo", "francos suizos", "céntimo", "céntimos", "spellout-cardinal-masculine"),
        "BRL": Currency("real", "reales", "centavo", "centavos", "spellout-cardinal-masculine"),
        "MXN": Currency("peso mexicano", "pesos mexicanos", "centavo", "centavos", "spellout-cardinal-masculine"),
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
    clock=Clock(full="{h} en punto", minutes="{h} {m}", ruleset="spellout-cardinal-feminine", brief="{h}"),
    ordinals={
        "º": "spellout-ordinal-masculine",
        "ª": "spellout-ordinal-feminine",
        "er": "spellout-ordinal-masculine-adjective",
    },
    one=("(?:mill|bill|euro|dólar|día|mes|año|minuto)", "un"),
)
