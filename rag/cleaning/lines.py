"""Lines that say what they are by their form: credits, bylines, dates, file names, addresses."""

from __future__ import annotations

import re

__all__ = [
    "ADDRESS",
    "BYLINE",
    "CREDIT",
    "DATE",
    "DATELINE",
    "RULE",
    "SIGNED",
    "TEASER",
    "THUMBNAIL",
    "TRAILING_CREDIT",
]

_STOCK = (
    r"(?:shutterstock|getty(?: images)?|afp|reuters|(?:the )?associated press|ap(?: photo)?|epa(?:-efe)?|dpa|"
    r"istock(?:photo)?|alamy|unsplash|pexels|pixabay|depositphotos|adobe stock|wikimedia commons|file photo)"
)
_AGENCY = (
    rf"(?:{_STOCK}|bloomberg|xinhua|bernama|imago|picture alliance|wikimedia|handout|flickr|screenshot|"
    r"zuma(?: press)?|sipa|pa (?:media|images|wire)|ansa|efe|keystone|tass|kyodo|yonhap|anadolu(?: agency)?|nurphoto|"
    r"imagn(?: images)?)"
)
_TOKEN = r"[A-ZÀ-Þ](?:\.|[\w'’-]*(?:\.\w+)*)"
_NAMES = rf"{_TOKEN}(?: {_TOKEN}| de| van| von| al){{0,5}}"
_CREDIT_WORD = (
    r"(?:photo(?:graph)?|image|picture|pic|illustration|video|graphic|credit|foto|bild|imagen|crédit|"
    r"fotografía|photographie)s?"
)
# A line that is nothing but the credit of a picture.
CREDIT = re.compile(
    rf"[(\[]?\s?(?:(?i:{_CREDIT_WORD}(?: credits?| courtesy)?(?: ?[:：|©/]| by\b| via\b| courtesy of\b))\s?.{{1,60}}"
    r"|(?:图片来源|图源|图)[:：/]\s?\S.{0,30}"
    rf"|(?:©\s?)?(?:{_NAMES}(?:\s?[/,|·]\s?|\s[–—-]\s)){{1,4}}(?i:{_AGENCY})(?:\s?[/,|·]\s?{_NAMES}){{0,3}}"
    rf"|(?:©\s?)?(?i:{_STOCK})(?:\s?[/,|·]\s?{_NAMES}){{0,3}})\s?[)\]]?\.?$"
)
# The same after a caption's own sentence.
TRAILING_CREDIT = re.compile(
    rf"(?<=[.!?”\"’)])\s+(?P<credit>(?:(?i:{_CREDIT_WORD}(?: credit)?(?::| by\b| courtesy\b))\s*[^.!?]{{1,80}}"
    rf"|Courtesy [^.!?]{{2,40}}|(?:{_NAMES}/){{1,4}}(?:{_NAMES}|(?i:{_AGENCY}))|(?i:{_AGENCY})(?:/{_NAMES})?))\.?\s*$"
)
# "CP-2023-0065-26833333-thumb", "hero_image_2.jpg": the name of a picture's file shown as text.
THUMBNAIL = re.compile(
    r"(?:[\w()%.-]+\.(?:jpe?g|png|gif|webp|svg|avif|mp4|tiff?|bmp)"
    r"|(?=[\w-]{0,60}\d)(?=[\w-]{0,60}[A-Za-z])[A-Za-z0-9]{1,12}(?:[-_][A-Za-z0-9]+){2,}(?<=\d{4}|humb|mage|umb\d)"
    r"|[\w-]+[-_](?:thumb(?:nail)?|scaled|cropped|\d{2,4}x\d{2,4}))$"
)
# An address and nothing else: e-mail, handle, link.
ADDRESS = re.compile(r"(?:[\w.+-]+@[\w-]+(?:\.\w+)+|@\w{2,30}|(?:https?://|www\.)\S+)$")
TEASER = re.compile(r"(?:\.\.\.|…|\[…\]|\[\.\.\.\])\s*$")
# A rule or an end mark: "* * *", "---", "■".
RULE = re.compile(r"(?:[*\-_=~–—•·♦■▪◼◾●◆#∎✦❖⁂] ?)+$")

_NAME = r"(?:[A-ZÀ-Þ](?:\.|[\w’'-]+\.?)|de|del|della|van|von|der|den|la|le|bin|al|and|und|y|et|e|&)"
_BY = (
    r"(?:[Bb]y|BY|(?:Written|Reported|Story|Words|Text) by|Von|Por|Par|Di|Door|Author:|Autor(?:in|a)?:|Auteur ?:|"
    r"Texto:|Text:)"
)
BYLINE = re.compile(
    rf"(?:{_BY}\s+(?!(?i:the|an?|our)\b)(?P<name>{_NAME}(?:[\s,]+{_NAME}){{0,9}}?)(?:\s*[,|·•–—-].{{0,80}})?"
    r"|(?:作者|记者|文)[:：/|｜ ]\s*(?P<cjk>\S{2,20}))\s*$"
)
# "– Jane Doe", "Contributing: Jane Doe, John Roe": who wrote the lines above.
SIGNED = re.compile(
    rf"(?:[-–—−―]{{1,2}}\s?(?P<name>{_NAME}(?:[\s,]+{_NAME}){{0,6}})"
    r"|(?:Contributing|Contributors?|Reporting)(?: by|:).{2,200})\s*$"
)
# "London —", "Austin, Texas CNN —": where the report comes from.
DATELINE = re.compile(r"(?:[A-ZÀ-Þ][\w.'’/-]*,?(?: |(?=—))){1,7}[—–-]$")
_MONTH = (
    r"(?:jan(?:uary|\.)?|feb(?:ruary|\.)?|mar(?:ch|\.)?|apr(?:il|\.)?|may|june?|july?|aug(?:ust|\.)?|"
    r"sept?(?:ember|\.)?|oct(?:ober|\.)?|nov(?:ember|\.)?|dec(?:ember|\.)?|enero|febrero|marzo|abril|mayo|junio|"
    r"julio|agosto|septiembre|octubre|noviembre|diciembre|januar|februar|märz|mai|juni|juli|oktober|dezember|"
    r"janvier|février|mars|avril|juin|juillet|août|septembre|octobre|novembre|décembre)"
)
_DAY = (
    rf"(?:{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.|º)?\s+(?:de\s+|of\s+)?{_MONTH},?\s+(?:de\s+)?\d{{4}}"
    r"|\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{4}年\d{1,2}月\d{1,2}日)"
)
_TIME = r"(?:at\s+|um\s+|a las\s+|à\s+)?\d{1,2}[:.h]\d{2}(?::\d{2})?\s*(?:[ap]\.?m\.?|Uhr|Z)?\s*(?:\(?[A-Z]{2,4}\)?)?"
# A line that is nothing but a date, perhaps with a time and a word such as "Published".
DATE = re.compile(
    r"(?:(?:first |last )?(?:published|updated|posted|date|modified|veröffentlicht|stand|publicado|actualizado|"
    r"publié|mis à jour|发布时间|更新)(?: on| at| am| el| le| by)?\s*[:：]?\s*)?"
    r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+|[A-Za-zé]{4,10},\s+)?"
    rf"(?P<date>{_DAY})(?:[\s,|·•T–—-]+{_TIME})?\s*$",
    re.IGNORECASE,
)
