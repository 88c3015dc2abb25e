"""Hindi."""

from typing import Final

from bot.spoken.wording import Clock, Currency, Dates, Wording

HINDI: Final = Wording(
    rules="hi",
    decimal=".",
    point="दशमलव",
    minus="माइनस",
    plus="प्लस",
    percent="प्रतिशत",
    times="गुणा",
    to="से",
    number="नंबर",
    conjunction="और",
    at="ऐट",
    dot="डॉट",
    dash="डैश",
    underscore="अंडरस्कोर",
    slash="स्लैश",
    code="कोड का एक अंश",
    currencies={
        "USD": Currency("डॉलर", "डॉलर", "सेंट", "सेंट"),
        "EUR": Currency("यूरो", "यूरो", "सेंट", "सेंट"),
        "GBP": Currency("पाउंड", "पाउंड", "पेनी", "पेंस"),
        "INR": Currency("रुपया", "रुपये", "पैसा", "पैसे"),
        "JPY": Currency("येन", "येन"),
    },
    scales={word: word for word in ("सौ", "हज़ार", "हजार", "लाख", "करोड़", "अरब", "मिलियन", "बिलियन")},
    dates=Dates(
        months=tuple("जनवरी फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर".split()),
        order="day first",
        full="{d} {m} {y}",
        bare="{d} {m}",
    ),
    clock=Clock(full="{h} बजे", minutes="{h} बजकर {m} मिनट", unit=r"\sबजे"),
    attached=("वाँ", "वां", "वीं", "वें"),
)
