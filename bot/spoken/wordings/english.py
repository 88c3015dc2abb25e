"""English: of the United States, of elsewhere, and of India."""

from dataclasses import replace
from typing import Final

from bot.spoken.wording import Clock, Currency, Dates, Unit, Wording

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
    star="star",
    hash="pound",
    per="per",
    units={
        "km/h": Unit("kilometer per hour", "kilometers per hour"),
        "mph": Unit("mile per hour", "miles per hour"),
        "kg": Unit("kilogram", "kilograms"),
        "g": Unit("gram", "grams"),
        "mg": Unit("milligram", "milligrams"),
        "km": Unit("kilometer", "kilometers"),
        "cm": Unit("centimeter", "centimeters"),
        "mm": Unit("millimeter", "millimeters"),
        "l": Unit("liter", "liters"),
        "ml": Unit("milliliter", "milliliters"),
        "°C": Unit("degree Celsius", "degrees Celsius"),
        "°F": Unit("degree Fahrenheit", "degrees Fahrenheit"),
        "kWh": Unit("kilowatt hour", "kilowatt hours"),
        "kW": Unit("kilowatt", "kilowatts"),
        "W": Unit("watt", "watts"),
        "GB": Unit("gigabyte", "gigabytes"),
        "MB": Unit("megabyte", "megabytes"),
        "TB": Unit("terabyte", "terabytes"),
        "yr": Unit("year", "years"),
        "yrs": Unit("year", "years"),
        "mo": Unit("month", "months"),
        "mos": Unit("month", "months"),
        "wk": Unit("week", "weeks"),
        "wks": Unit("week", "weeks"),
        "min": Unit("minute", "minutes"),
        "h": Unit("hour", "hours"),
        "ft": Unit("foot", "feet"),
        "lb": Unit("pound", "pounds"),
        "oz": Unit("ounce", "ounces"),
        "mi": Unit("mile", "miles"),
        "m²": Unit("square meter", "square meters"),
        "km²": Unit("square kilometer", "square kilometers"),
        "Mbit/s": Unit("megabit per second", "megabits per second"),
        "km/hr": Unit("kilometer per hour", "kilometers per hour"),
        "kmh": Unit("kilometer per hour", "kilometers per hour"),
        "kph": Unit("kilometer per hour", "kilometers per hour"),
        "kgs": Unit("kilogram", "kilograms"),
        "sq ft": Unit("square foot", "square feet"),
        "lbs": Unit("pound", "pounds"),
        "hrs": Unit("hour", "hours"),
        "hr": Unit("hour", "hours"),
        "mins": Unit("minute", "minutes"),
        "sec": Unit("second", "seconds"),
        "secs": Unit("second", "seconds"),
        "L": Unit("liter", "liters"),
        "mL": Unit("milliliter", "milliliters"),
        "Mbps": Unit("megabit per second", "megabits per second"),
        "m": Unit("meter", "meters"),
        "°": Unit("degree", "degrees"),
    },
    fractions={
        2: ("half", "halves"),
        3: ("third", "thirds"),
        4: ("quarter", "quarters"),
        5: ("fifth", "fifths"),
        6: ("sixth", "sixths"),
        7: ("seventh", "sevenths"),
        8: ("eighth", "eighths"),
        9: ("ninth", "ninths"),
        10: ("tenth", "tenths"),
        12: ("twelfth", "twelfths"),
        16: ("sixteenth", "sixteenths"),
    },
    halves={"1/2": "a half", "1/4": "a quarter"},
    mixed="{n} and {f}",
    identified=(
        r"(?:(?:pass|zip|promo|area|access|security|verification|confirmation|booking|tracking|post|"
        r"dial(?:ling)?)?codes?|PIN|CVV|CVC|P\.I\.N\.|OTP|one-time password|password|passcode|zip|(?:credit |"
        r"debit |gift )?card|(?:purchase |work )?order|accounts?|tickets?|SSN|"
        r"social security(?: number)?|reference|ref\.?|confirmation|booking|reservation|invoice|tracking|"
        r"serial|policy|member(?:ship)?|customer|case|claim|licen[cs]e|passport|routing|IBAN|flight|"
        r"extension|ext\.?|meter|patient|student|employee|VIN|ID)"
    ),
    linked=(
        r"(?:(?:[Nn]umber|numbers|no\.|code|codes|id|ID|PIN|digits|is|was|are|ending|(?:ends|ending|starts|"
        r"starting|begins|beginning) (?:in|with)|here|:|#|-|,|=|\"|\()[ ]?)"
    ),
    to_dial=r"(?:number|is|are|us|me|at|on|at|:|the number)",
    alternatives=r"or|and|/|,",
    currencies={
        "USD": Currency("dollar", "dollars", "cent", "cents"),
        "EUR": Currency("euro", "euros", "cent", "cents"),
        "GBP": Currency("pound", "pounds", "penny", "pence"),
        "INR": Currency("rupee", "rupees", "paisa", "paise"),
        "JPY": Currency("yen", "yen"),
        "AUD": Currency("Australian dollar", "Australian dollars", "cent", "cents"),
        "CAD": Currency("Canadian dollar", "Canadian dollars", "cent", "cents"),
        "NZD": Currency("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
        "SGD": Currency("Singapore dollar", "Singapore dollars", "cent", "cents"),
        "HKD": Currency("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
        "CHF": Currency("Swiss franc", "Swiss francs", "centime", "centimes"),
        "BRL": Currency("real", "reais", "centavo", "centavos"),
        "MXN": Currency("Mexican peso", "Mexican pesos", "centavo", "centavos"),
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
    clock=Clock(full="{h} o'clock", minutes="{h} {m}", early="{h} oh {m}", am="a.m.", pm="p.m.", brief="{h}"),
    ordinals=dict.fromkeys(("st", "nd", "rd", "th"), "spellout-ordinal"),
    dialled=tuple("call dial ring emergency emergencies phone text".split()),
    decades="s",
    years=True,
)
ENGLISH_ELSEWHERE: Final = replace(
    ENGLISH,
    hash="hash",
    dates=replace(ENGLISH.dates, order="day first", full="the {d} of {m}, {y}", bare="the {d} of {m}"),
)
"""Of Britain, Ireland, Australia, ..."""
ENGLISH_INDIA: Final = replace(ENGLISH_ELSEWHERE, rules="en_IN")
"""With lakhs and crores. Also what Hindi in Latin letters is read with: those who write so say English numbers."""
