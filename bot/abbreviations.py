"""Words whose dot does not end a sentence, by language: data for `bot.sentences`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from bot.languages import named


@dataclass(frozen=True, slots=True, kw_only=True)
class Abbreviations:
    """Without their last dot. In small letters, which stand for capitals too; with a capital where that matters."""

    never_last: frozenset[str]
    """They stand before what they belong to."""
    seldom_last: frozenset[str]
    """They end a sentence unless a small letter or a digit follows."""
    compounds: tuple[str, ...] = ()
    """Endings of abbreviated compounds that are seldom last: "Hauptstr."."""
    months: frozenset[str] = frozenset()
    """What follows a number that is an ordinal because of its dot: "16. Januar"; empty where dots make no ordinals."""
    before_ordinals: frozenset[str] = frozenset()
    """Words behind which a number and a dot are an ordinal, whatever follows."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ANYWHERE: Final = Abbreviations(
    never_last=_words("mr mrs ms mx dr prof rev hon st mt gen col maj capt lt sgt sen rep gov pres e.g i.e vs viz cf"),
    seldom_last=_words("nos etc jr sr inc ltd co corp dept est ext tel fig vol min max sec hr hrs a.m p.m a.d b.c"),
)
_ENGLISH_WORDS: Final = frozenset("rag cell arch gent art mind comm ing rod mons ir".split())
"""Abbreviations of other languages that may end a sentence where the language is not known."""
_BY_NAME: Final[Mapping[str, Abbreviations]] = {
    "English": Abbreviations(
        never_last=_words("approx messrs cpl cmdr adm supt appt Ft Pt"),
        seldom_last=_words(
            "no rs ave blvd rd ste apt ft rte hwy sq bldg pp p ln ct pkwy fl rm oz lb lbs yd "
            "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun"
        ),
    ),
    "German": Abbreviations(
        never_last=_words(
            "hr Hr hrn med fr nr ca bzw evtl ggf inkl exkl zzgl vgl abs bd dipl sog allg bes mind insb ing Mag "
            "z u v i d o n b.z z.b d.h u.a v.a i.d z.t d.i dres geb gegr dipl-ing frl betr bsp aufl hrsg"
        ),
        seldom_last=_words(
            "usw art s mio mrd std sek str pl hbf bhf whg jh bspw chr r min u.s.w o.ä e.v "
            "jan feb mär apr jun jul aug sept okt nov dez mo di mi do sa so"
        ),
        compounds=("str", "nr"),
        months=_words("januar jänner februar märz april mai juni juli august september oktober november dezember")
        | _words("jan feb mär apr jun jul aug sep sept okt nov dez")
        | _words("montag dienstag mittwoch donnerstag freitag samstag sonntag")
        | _words("jahrhundert stock etage klasse person tag mal woche monat quartal lebensjahr obergeschoss"),
        before_ordinals=_words(
            "der die das dem den des am vom zum zur im beim jeder jede jedes dieser diese dieses jeden "
            "unser unsere ihr ihre mein meine sein seine ein eine einen einem einer"
        ),
    ),
    "Spanish": Abbreviations(
        never_last=_words(
            "sr Sr sra srta sres d dña dª dra dto núm num nº pág págs art arts av avda avd c cl ctra pza plza ud vd "
            "gral lic arq pbro fr teléf aprox p ej izq izqda dcha a ee jj rr ff aa sto sta mons hnos"
        ),
        seldom_last=_words(
            "uu uds vds m cía s.a s.l atte depto cap ed ene feb mar abr may jun jul ago sep sept oct nov dic"
        ),
    ),
    "French": Abbreviations(
        never_last=_words(
            "m mm mme mmes mlle mlles Me mgr pr av bd boul chap env apr c p n tél ste fg imm bât rés résid art r pl sq"
        ),
        seldom_last=_words("ex éd cie j.-c c.-à-d janv févr avr juil sept oct nov déc lun mar mer jeu ven sam dim"),
    ),
    "Italian": Abbreviations(
        never_last=_words(
            "sig sigg sig.ra sig.na dott dott.ssa prof.ssa avv ing geom arch rag On pag pagg art artt n nr num cell "
            "gent egr spett p.zza v.le c.so p.es p p.zzale f.lli mons cav comm ca"
        ),
        seldom_last=_words(
            "ecc es s.p.a s.r.l gen feb mar apr mag giu lug ago set sett ott nov dic lun mer gio ven sab dom"
        ),
    ),
    "Dutch": Abbreviations(
        never_last=_words(
            "dhr mevr mw drs ir ing mr bijv nr blz ca incl excl evt resp o.a d.w.z t.n.v m.b.t o.l.v z.g h.k.h zgn "
            "ds ong p"
        ),
        seldom_last=_words(
            "enz str jl e.d b.v n.v e.a jan feb mrt apr jun jul aug sept okt nov dec ma di wo do vr za zo"
        ),
    ),
    "Portuguese": Abbreviations(
        never_last=_words(
            "sr sra srta sres d dra profa exmo exma av r trav pça rod núm num nº n pág págs art aprox p ilmo ilma "
            "eng arq"
        ),
        seldom_last=_words(
            "ex ltda s.a cia jan fev mar abr mai jun jul ago set out nov dez seg ter qua qui sex sáb dom"
        ),
    ),
    "Hindi": Abbreviations(
        never_last=_words("डॉ प्रो श्री सुश्री कु स्व पं smt नं सं मो क्र"),
        seldom_last=_words("रु rs कि.मी पृ ई.पू"),
    ),
}


@cache
def abbreviations(language: str) -> Abbreviations:
    """Return those of `language`, an English name or a tag; where it is not known here, those of all languages."""
    name = named(language)
    own = _BY_NAME.get(name)
    if not own:
        union = _joined(_ANYWHERE, *_BY_NAME.values())
        return replace(union, never_last=union.never_last - union.seldom_last - _ENGLISH_WORDS)
    if name == "Hindi":  # it is written with English words in it
        own = _joined(_BY_NAME["English"], own)
    whole = _joined(_ANYWHERE, own)
    return replace(whole, never_last=whole.never_last - own.seldom_last, seldom_last=whole.seldom_last - own.never_last)


def _joined(*several: Abbreviations) -> Abbreviations:
    return Abbreviations(
        never_last=frozenset[str]().union(*(each.never_last for each in several)),
        seldom_last=frozenset[str]().union(*(each.seldom_last for each in several)),
        compounds=tuple(ending for each in several for ending in each.compounds),
        months=frozenset[str]().union(*(each.months for each in several)),
        before_ordinals=frozenset[str]().union(*(each.before_ordinals for each in several)),
    )
