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


_LONGER_CODES = """
aar=aa abk=ab ave=ae afr=af aka=ak amh=am arg=an ara=ar asm=as ava=av aym=ay aze=az bak=ba bel=be bul=bg
bis=bi bam=bm ben=bn bod=bo tib=bo bre=br bos=bs cat=ca che=ce cha=ch cos=co cre=cr ces=cs cze=cs chu=cu
chv=cv cym=cy wel=cy dan=da deu=de ger=de div=dv dzo=dz ewe=ee ell=el gre=el eng=en epo=eo spa=es est=et
baq=eu eus=eu fas=fa per=fa ful=ff fin=fi fij=fj fao=fo fra=fr fre=fr fry=fy gle=ga gla=gd glg=gl grn=gn
guj=gu glv=gv hau=ha heb=he iw=he hin=hi hmo=ho hrv=hr hat=ht hun=hu arm=hy hye=hy her=hz ina=ia ind=id
ile=ie ibo=ig iii=ii ipk=ik ido=io ice=is isl=is ita=it iku=iu jpn=ja jav=jv geo=ka kat=ka kon=kg kik=ki
kua=kj kaz=kk kal=kl khm=km kan=kn kor=ko kau=kr kas=ks kur=ku kom=kv cor=kw kir=ky lat=la ltz=lb lug=lg
lim=li lin=ln lao=lo lit=lt lub=lu lav=lv mlg=mg mah=mh mao=mi mri=mi mac=mk mkd=mk mal=ml mon=mn mar=mr
may=ms msa=ms mlt=mt bur=my mya=my nau=na nob=nb nde=nd nep=ne ndo=ng dut=nl nld=nl nno=nn nor=no nbl=nr
nav=nv nya=ny oci=oc oji=oj orm=om ori=or oss=os pan=pa pli=pi pol=pl pus=ps por=pt que=qu roh=rm run=rn
ron=ro rum=ro rus=ru kin=rw san=sa srd=sc snd=sd sme=se sag=sg hbs=sh sin=si slk=sk slo=sk slv=sl smo=sm
sna=sn som=so alb=sq sqi=sq srp=sr ssw=ss sot=st sun=su swe=sv swa=sw tam=ta tel=te tgk=tg tha=th tir=ti
tuk=tk tgl=tl tsn=tn ton=to tur=tr tso=ts tat=tt twi=tw tah=ty uig=ug ukr=uk urd=ur uzb=uz ven=ve vie=vi
vol=vo wln=wa wol=wo xho=xh yid=yi yor=yo zha=za chi=zh cmn=zh zho=zh zul=zu
"""
_SHORTER = dict(pair.split("=") for pair in _LONGER_CODES.split())
"""ISO 639-1 codes by those of ISO 639-2 (both kinds), and by two more that are still written (iw, cmn)."""
_KNOWN = frozenset(_SHORTER.values()) | frozenset(_CODES.values())


def language_code(text: str) -> str:
    """ISO 639-1 code of a language: ``de`` for ``German``, ``deu`` and ``de-AT``; empty for what is neither.

    A language without such a code has a longer one: ``yue``. A code that is not known stays as it is.
    """
    wanted = text.strip().lower()
    code = _CODE.fullmatch(wanted)
    # Lao is a name of three letters.
    return _CODES.get(wanted) or (_SHORTER.get(code[1], code[1]) if code else "")


def known_language(text: str) -> str:
    """The same, but empty for codes that are not known: ``raw``, ``sdh`` and ``cc`` in names of files."""
    code = language_code(text)
    return code if code in _KNOWN else ""
