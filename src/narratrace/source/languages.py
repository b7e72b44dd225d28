"""Codes of languages, which recognisers also write by their English names."""

from __future__ import annotations

import re

_CODE = re.compile(r"([a-z]{2,3})(?:[-_].*)?")

_NAMES = """
af=afrikaans, am=amharic, ar=arabic, as=assamese, az=azerbaijani, ba=bashkir, be=belarusian
bg=bulgarian, bn=bengali, bo=tibetan, br=breton, bs=bosnian, ca=catalan, ca=valencian, cs=czech, cy=welsh
da=danish, de=german, el=greek, en=english, es=spanish, es=castilian, et=estonian, eu=basque, fa=persian
fi=finnish, fo=faroese, fr=french, gl=galician, gu=gujarati, ha=hausa, haw=hawaiian, he=hebrew
hi=hindi, hr=croatian, ht=haitian creole, ht=haitian, hu=hungarian, hy=armenian, id=indonesian, is=icelandic
it=italian, ja=japanese, jv=javanese, ka=georgian, kk=kazakh, km=khmer, kn=kannada, ko=korean
la=latin, lb=luxembourgish, lb=letzeburgesch, ln=lingala, lo=lao, lt=lithuanian, lv=latvian, mg=malagasy
mi=maori, mk=macedonian, ml=malayalam, mn=mongolian, mr=marathi, ms=malay, mt=maltese, my=myanmar, my=burmese
ne=nepali, nl=dutch, nl=flemish, nn=nynorsk, no=norwegian, oc=occitan, pa=punjabi, pa=panjabi, pl=polish
ps=pashto, ps=pushto, pt=portuguese, ro=romanian, ro=moldavian, ro=moldovan, ru=russian, sa=sanskrit
sd=sindhi, si=sinhala, si=sinhalese, sk=slovak, sl=slovenian, sn=shona, so=somali, sq=albanian, sr=serbian
su=sundanese, sv=swedish, sw=swahili, ta=tamil, te=telugu, tg=tajik, th=thai, tk=turkmen, tl=tagalog
tr=turkish, tt=tatar, uk=ukrainian, ur=urdu, uz=uzbek, vi=vietnamese, yi=yiddish, yo=yoruba, yue=cantonese
zh=chinese, zh=mandarin
"""
_CODES = {name: code for code, _, name in (pair.partition("=") for pair in re.split(r"[,\n] ?", _NAMES))}
"""The languages of Whisper by name."""


def language_code(text: str) -> str:
    """ISO 639 code of a language: ``de`` for ``German`` and for ``de-AT``, empty for what is neither."""
    wanted = text.strip().lower()
    code = _CODE.fullmatch(wanted)
    # Lao is a name of three letters.
    return _CODES.get(wanted) or (code[1] if code else "")
