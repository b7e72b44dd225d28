# ruff: noqa: RUF001
"""What captions describe in brackets and nobody says: music, applause, laughter."""

from __future__ import annotations

import html
import re

_BRACKETS = re.compile(r"\[[^\[\]]*\]:?|\([^()]*\)|【[^【】]*】|（[^（）]*）")
_SPEAKER = re.compile(r"speaker[ _]?\d*:?|>+|[^\d]{2,40}:", re.IGNORECASE)

_ALWAYS = """
music musical song songs singing sings singt singend applause applauds applauding clapping claps cheers
cheering cheer whistling whistles laughter laughs laughing laugh chuckles chuckling chuckle giggles
inaudible unintelligible indistinct crosstalk jingle silence beep beeps beeping
musik titelmusik musikintro applaus beifall klatschen gelächter lachen lacht lachend unverständlich stille
musique applaudissements applaudissement rires rire inaudibles incompréhensible
música canción aplausos aplauso risas risa ríe inaudível ininteligible silencio silêncio risos riso
musica applausi applauso risate risata incomprensibile silenzio
muziek gelach applausgelach onverstaanbaar musikk skratt applåder naurua musiikkia aplodit
muzyka oklaski śmiech śmieje niezrozumiałe hudba potlesk smích müzik alkış gülüşmeler kahkaha
музыка музыкальная аплодисменты смех смеется смеётся неразборчиво музика оплески сміх
음악 박수 웃음 웃음소리 音楽 拍手 笑 笑い 笑い声 音乐 音樂 掌声 掌聲 笑声 笑聲 听不清
موسيقى تصفيق ضحك संगीत तालियाँ हँसी
"""
_SOUNDS = frozenset(_ALWAYS.split())
_SQUARE = """
noise noises sigh sighs sighing cough coughs coughing sneezes sniffs sniffles gasps groans clicking clicks
typing breathing inhales exhales pause foreign blank audio räuspern räuspert hustet seufzt rauschen bruit
toux soupir ruido tos suspiro
"""
_IN_SQUARE_BRACKETS = frozenset(_SQUARE.split())
"""Sounds that in round brackets may well be what is spoken about, as a cough is."""
_AROUND = """
a an the in of and to with no by from on soft softly loud loudly quiet quietly gentle upbeat dramatic light
slow fast ambient calm calming tense bright cheerful inspirational happy sad relaxing playful intense
piano guitar orchestral instrumental electronic classical intro outro theme opening closing ending
background audience crowd class students speaker speakers all both man woman men women people everyone
playing plays play starts begins stops ends continues fades fading out off up nervously sound sounds
im am der die das leise laute dramatische spielt publikum du de la le en el público fondo sala
"""
_AROUND_SOUNDS = frozenset(_AROUND.split())


def without_sounds(line: str) -> str:
    """A line of captions with a space for each sound or speaker it names in brackets.

    Other brackets stay, above all those of chemistry and mathematics: ``[18F]FDG``, ``[0, 1]``.
    """
    return _BRACKETS.sub(lambda found: " " if _is_no_speech(found[0]) else found[0], line)


def _is_no_speech(brackets: str) -> bool:
    square = brackets[0] in "[【"
    content = html.unescape(brackets.rstrip(":")[1:-1])
    if square and (not content.strip("_ \xa0*") or _is_speaker(content, brackets)):
        return True  # nothing, or a word beeped out
    words = [word.strip("_.,!?:;-*…♪♫") for word in content.casefold().replace("_", " ").split()]
    sounds = _SOUNDS | _IN_SQUARE_BRACKETS if square else _SOUNDS
    return not sounds.isdisjoint(words) and (sounds | _AROUND_SOUNDS | {""}).issuperset(words)


def _is_speaker(content: str, brackets: str) -> bool:
    named = content + ":" if brackets.endswith(":") else content
    return _SPEAKER.fullmatch(named.strip()) is not None
