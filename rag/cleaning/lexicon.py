"""The words that site furniture is made of, in a few languages; no site, brand or article is named here.

Two lists: what opens a section of furniture ("Others also read"), and what is furniture as a
line of its own ("Subscribe to our newsletter"). Each pattern is matched from the start of a line, and only
on lines short enough that an article's own sentence is not taken for one.
"""

from __future__ import annotations

import re

__all__ = ["BYLINE", "CREDIT", "DATE", "LINE", "OPENER", "SPONSOR_END", "THUMBNAIL", "TRAILING_CREDIT"]


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


# A short line after which other stories, comments or sharing follow.
OPENER = _any(
    r"(?:you|others|readers|people|also)(?:'ll| (?:may|might|will|who .{1,30}))?(?: also)? (?:like|love|read|viewed|liked|enjoy|be interested in)\b.{0,20}$",
    r"leave (?:a|your) (?:reply|comment)\b", r"post a comment\b", r"(?:add|write) (?:a|your) comment\b",
    r"(?:\d+ )?(?:comments?|responses?|replies|reactions?)(?: \(?\d+\)?)?:?$", r"join the (?:conversation|discussion)\b.{0,30}$",
    r"next in\b.{0,40}$", r"up next\b.{0,20}$", r"previous (?:article|post|story)$", r"next (?:article|post|story)$",
    r"more (?:from|in|on|about|like this|news|stories|headlines|coverage|articles|top stories)\b.{0,60}$",
    r"(?:latest|trending|tranding|popular|top|recent|breaking|featured)(?: \w+)? (?:news|stories|posts?|articles?|headlines|videos|now|today|this week|on \w+)$",
    r"(?:most|must)[- ](?:read|viewed|popular|watched|shared|commented|recent)\b.{0,30}$",
    r"recommended(?: (?:for you|stories|reading|articles|by\b.{0,20}|videos))?:?$", r"trending(?: now)?:?$",
    r"related(?: (?:articles?|stories|posts?|news|topics?|content|links|coverage|reading|items|videos))?(?: [:»]|:)?$",
    r"(?:editor'?s?|editors’|editor’s|our|staff) picks?$", r"don['’]t miss\b.{0,15}$", r"in case you missed it:?$", r"what to read next$", r"read next:?$",
    r"(?:share|follow)(?: (?:this|us))?(?: (?:article|story|post|page|on))?:?$", r"(?:tags?|topics?|filed under|categories|keywords):?$",
    r"(?:from|around) (?:the|our) (?:web|partners|sponsors|network)$", r"(?:sponsored|promoted|partner)(?: (?:content|stories|links|by .{1,20}))?$", r"advertisement$", r"about the authors?$",
    r"(?:mehr|weitere (?:artikel|meldungen|nachrichten|themen))(?: (?:zum thema|aus|von)\b.{0,40})?:?$", r"(?:auch|das könnte (?:sie|dich) auch) interess\w*.{0,20}$", r"meistgelesen\b.{0,20}$", r"(?:kommentare?|kommentar (?:schreiben|hinterlassen))(?: \(?\d+\)?)?$", r"lesen sie auch:?$",
    r"(?:también|te) (?:te )?(?:puede|podría|recomendamos)(?: leer| interesar\w*)?:?$", r"(?:noticias|artículos|temas) relacionad[oa]s:?$", r"(?:lo )?más (?:leído|visto|leídas|noticias)\b.{0,20}$", r"(?:deja|escribe) (?:un|tu) comentario\b", r"comentarios(?: \(?\d+\))?$", r"(?:lea|lee) también:?$",
    r"(?:à lire|lire) (?:aussi|également)\s*:?$", r"(?:articles|sujets) (?:liés|similaires|associés|connexes)$", r"les plus (?:lus|consultés|partagés)$", r"(?:laisser|ajouter|écrire) un commentaire\b", r"sur le même (?:sujet|thème)$", r"commentaires(?: \(?\d+\))?$",
    r"(?:leggi|potrebbe interessarti) anche:?$", r"articoli correlati$", r"leia (?:também|mais):?$", r"(?:artigos|notícias) relacionad[oa]s$", r"lees ook:?$",
    r"(?:相关(?:阅读|新闻|文章|推荐)|推荐(?:阅读|文章)|热门(?:文章|新闻|推荐)|延伸阅读|猜你喜欢|发表评论|网友评论|评论|更多(?:新闻|文章))[:：]?$",
)  # fmt: skip

# Furniture as a line of its own.
LINE = _any(
    r"(?:subscribe|sign[- ]?up|register)(?: now| today| here| free)?(?: (?:to|for|with)\b|[:.!]|$)(?!.{400})",
    r"subscribers can\b", r"(?:already )?(?:a |have an? )?(?:subscriber|member|account)\?? ?(?:sign|log) in\b", r"(?:sign|log) in(?: to| or|$)", r"for (?:the )?(?:latest|more) (?:news|updates|stories|headlines)\b.{0,200}(?:download|follow|visit|subscribe|sign up|app|click|go to)\b",
    r"follow (?:us|me|him|her|them|our|the|reporters?|along|[A-Z]\w+ [A-Z]\w+)\b.{0,120}(?:\bon\b|@|channel|whatsapp|twitter|facebook|instagram|telegram)", r"(?:like|join|find|connect with) us on\b", r"join (?:our|the) .{0,60}(?:channel|group|newsletter|community|whatsapp|telegram)",
    r"(?:download|get) (?:the|our) .{0,60}\bapp\b", r"get (?:the )?.{0,60}(?:in|to|into) your (?:inbox|texts|email)\b", r"(?:get|receive) .{0,80}(?:newsletter|alerts|notifications)\b",
    r"your e-?mail address will not be\b", r"required fields are marked\b", r"save my name, e-?mail\b", r"you must be logged in\b", r"(?:notify me of|this site uses akismet)\b", r"(?:name|e-?mail|website|comment|message|search)(?: \*| \(required\)|:)?$",
    r"this article (?:was downloaded|aggregates|is (?:provided|published|republished|reproduced)|was (?:originally|first) published|originally appeared|first appeared|contains affiliate|may contain affiliate)\b", r"(?:this|the) (?:story|post|article) (?:was )?(?:originally|first) (?:appeared|published|reported|ran)\b.{0,80}$", r"all (?:rights|trademarks)\b.{0,30}(?:reserved|belong|are)\b",
    r"(?:©|\(c\)|copyright\b(?! (?:law|act|office|infring|claim|protection|term|case|suit|holder|owner|rule|reform|dispute|violation)))(?!.{300})", r".{0,80}all rights reserved\b.{0,80}$", r"(?:note: ?)?(?:the )?(?:featured |cover |lead |header )?(?:image|photo|picture|illustration)s?(?: (?:is|are|used))? (?:is |are )?(?:for )?(?:illustrati(?:ve|on)|representati(?:ve|onal))\b",
    r"do you have (?:questions about|a (?:tip|story|question))\b.{0,300}(?:platform|get|email|contact|ask|send|let us know|here)\b", r"(?:got|have) (?:a |any )?(?:news )?(?:tips?|questions?|story ideas?|feedback|comments?|corrections?|complaints?)\b.{0,100}\?",
    r"(?:read|see|learn|view|show|load|watch|find out|discover|hear) more(?:$|[:»>…]| (?:at|on|here|about|from|stories|comments|in our|of our|articles))", r"(?:also |must )?(?:read|see|watch)(?: (?:also|more|next|now|this|all|here))?(?: ?:)", r"(?:more|related|also read|read next|up next|next up|previous|next|watch|listen|see also|recommended|in pictures|in photos|gallery|video|podcast)s? ?: ?\S(?!.{200})",
    r"(?:click|tap|swipe|scroll)(?: (?:here|on|the|to|through|down|below))\b", r"(?:share|tweet|print|e-?mail|whatsapp|facebook|twitter|pinterest|reddit|linkedin|telegram|copy link|save|bookmark|listen|like|reply|report|comment|cancel|submit|menu|home|close|back to top|skip to (?:main )?content|search|advertisement|ad|loading\.*|toggle navigation|previous|next|play video|show comments|hide comments|view comments|post comment|log in|sign in|sign up|register|subscribe)$",
    r"(?:share|tweet|pin) (?:this|on|via|it|to|article|story)\b.{0,60}$", r"(?:we|this (?:web)?site|our (?:web)?site) uses? cookies\b", r"by (?:continuing|using|clicking|signing up|subscribing|submitting|registering|providing)\b.{0,80}(?:agree|accept|consent|terms|acknowledge)", r"(?:accept|manage|reject|allow)(?: all)? (?:cookies|preferences|consent)", r"(?:cookie|privacy|terms)(?: (?:policy|notice|settings|of (?:use|service)|and conditions|preferences))+\b.{0,60}$",
    r"(?:support|thank you for supporting) (?:our|independent|quality|local) .{0,60}(?:journalism|work|reporting|newsroom)\b", r"(?:advertisement|ad) ?[-–—:]? ?(?:scroll|continue|story continues|article continues)", r"(?:story|article) continues (?:below|after)\b", r"continue reading\b.{0,60}$", r"(?:we|gannett|\w+) (?:may )?(?:earn|receive)s? (?:an? |a small )?(?:affiliate|commission|revenue|compensation)\b", r"we (?:occasionally|may) (?:recommend|earn|receive)\b",
    r"(?:want|need|looking for|interested in) (?:more|the latest|to (?:read|know|learn|hear))\b.{0,120}(?:\?|sign up|subscribe|newsletter|here)", r"(?:don't|don’t|never) miss (?:a|an|out|our|the|any)\b.{0,80}(?:story|stories|beat|news|update|newsletter|sign|subscribe)", r"unable to view\b.{0,60}", r"having trouble (?:view|see|load)\w+\b",
    r"\d+ (?:shares?|views?|likes?|retweets)$", r"(?:\d+ )?min(?:ute)?s?\.? read$", r"(?:reading time|estimated reading time|read time)\b.{0,20}$", r"(?:last )?(?:updated|modified) (?:\d+ )?(?:minutes?|hours?|days?|seconds?) ago$", r"photo gallery$", r"(?:view|see|open) (?:in )?(?:gallery|full[ -]?screen|original|larger image)\b",
    r"(?:reach|contact|email|e-mail|write to|follow|tweet|message|text|call) (?:\w+ ){0,4}(?:\w+ )?(?:at|on|via|by)?:? ?\S{0,60}(?:@|\d{3}[-.]\d{3,4})", r"(?:he|she|they|you) can (?:also )?be (?:reached|contacted|followed|found)\b", r"you can (?:reach|follow|email|contact|find)\b.{0,60}(?:@|\bat\b|\bon\b)",
    r"(?:newsletter abonnieren|jetzt (?:abonnieren|anmelden|registrieren|newsletter|lesen|testen)|abonnieren sie|melden sie sich|folgen sie uns|teilen$|artikel (?:teilen|drucken|merken)|ihre e-?mail-adresse wird nicht|erforderliche felder|zur startseite|wir verwenden cookies|alle rechte vorbehalten|lesen sie auch:|mehr (?:dazu|zum thema):?|anzeige$|werbung$)",
    r"(?:suscr[ií]bete|suscríbase|regístrate|síguenos|sigue(?:nos)? (?:a|en)\b.{0,60}(?:facebook|twitter|whatsapp|instagram)|compartir$|comparte (?:esta|este)|tu (?:dirección de )?correo electrónico no será|los campos obligatorios|todos los derechos reservados|(?:lee|lea|ver|leer) (?:también|más):?(?: |$)|te puede interesar:|utilizamos cookies|publicidad$|iniciar sesión$|únete a (?:nuestro|nuestra))",
    r"(?:abonnez-vous|inscrivez-vous|suivez-nous|partager(?: (?:l['’]article|cet article|sur))?$|votre adresse e-?mail ne sera pas|votre adresse de messagerie ne sera|les champs obligatoires|tous droits réservés|(?:à )?lire (?:aussi|également) ?:|lire la suite|nous utilisons des cookies|publicité$|se connecter$|article réservé aux abonnés|recevez (?:notre|la|nos))",
    r"(?:iscriviti|seguici su|condividi$|tutti i diritti riservati|leggi anche ?:|pubblicità$)", r"(?:assine|inscreva-se|siga-nos|compartilhe?$|todos os direitos reservados|leia (?:também|mais) ?:|publicidade$)", r"(?:abonneer|volg ons|deel dit|alle rechten voorbehouden|lees ook ?:|advertentie$)",
    r"(?:点击(?:订阅|关注|下载|查看|进入|这里)|扫(?:码|描)|关注我们|版权所有|未经(?:授权|许可)|责任编辑|分享到|微信(?:扫|关注)|登录|注册|转载请|免责声明|返回(?:首页|顶部)|上一篇|下一篇|广告$)",
)  # fmt: skip

_AGENCY = r"(?:shutterstock|getty(?: images)?|afp|reuters|associated press|ap(?: photo)?|epa(?:-efe)?|dpa|istock(?:photo)?|alamy|unsplash|pexels|pixabay|bloomberg|xinhua|bernama|imago|picture alliance|depositphotos|adobe stock|wikimedia(?: commons)?|file photo|handout|courtesy|flickr|screenshot|zuma(?: press)?|sipa|pa (?:media|images|wire)|ansa|efe|keystone|legion-media|tass|kyodo|yonhap|anadolu(?: agency)?|nurphoto|reuters connect|imagn images?)"
# A line that is nothing but the credit of a picture.
CREDIT = re.compile(
    rf"\(?\s*(?:(?:photo(?:graph)?|image|picture|pic|illustration|video|graphic|credit|source|foto|bild|imagen|crédit|图片来源|图)(?:s|o)?(?: credits?| courtesy| source)?(?: ?[:：|©/]| by| via| from| of)\s*.{{1,80}}|(?:©\s*)?(?:[\w.'’-]+[ ,/|·–—-]+){{0,8}}{_AGENCY}(?:[ ,/|·–—-]+[\w.'’-]+){{0,4}})\s*\)?\.?\s*$",
    re.IGNORECASE,
)  # fmt: skip
# The same after a caption's own sentence.
TRAILING_CREDIT = re.compile(
    rf"(?<=[.!?”\"])\s+(?P<credit>(?:(?:Photo|Image|Picture|Photograph|Credit|Illustration|Foto|Bild)(?:s)?(?: credit)?(?::| by| courtesy)\s*[^.!?]{{1,80}}|(?:[A-Z][\w.'’-]*[ ]?){{0,5}}(?:/[\w .'’-]{{1,40}})*/?{_AGENCY}(?:[/ ][\w .'’-]{{1,30}})?))\.?\s*$",
    re.IGNORECASE,
)  # fmt: skip
# "CP-2023-0065-26833333-thumb", "hero_image_2.jpg": the name of a picture's file shown as text.
THUMBNAIL = re.compile(
    r"(?:[\w()%-]+\.(?:jpe?g|png|gif|webp|svg|avif|mp4|tiff?|bmp)|(?:[A-Za-z]{1,6}[-_])?\d[\w]*(?:[-_]\w+){2,}|[\w-]+[-_](?:thumb(?:nail)?|scaled|cropped|\d{2,4}x\d{2,4}))$"
)

_NAME = r"(?:[A-ZÀ-Þ](?:\.|[\w’'-]+\.?)|de|del|della|van|von|der|den|la|le|bin|al|and|und|y|et|e|&)"
BYLINE = re.compile(
    rf"(?:(?:[Bb]y|BY|Written by|Reported by|Story by|Author:|Words by|Text by|Von|Por|Par|Di|Door|Autor(?:in)?:|Autor(?:a)?:|Auteur ?:|Texto:|Text:)\s+(?P<name>{_NAME}(?:[\s,]+{_NAME}){{0,9}}?)(?P<rest>(?:\s*[,|·•–—-].{{0,80}})?)|(?:作者|记者|文)[:：/|｜ ]\s*(?P<cjk>\S{{2,20}}))\s*$"
)
_MONTH = (
    r"(?:jan(?:uary|\.)?|feb(?:ruary|\.)?|mar(?:ch|\.)?|apr(?:il|\.)?|may|june?|july?|aug(?:ust|\.)?|sept?(?:ember|\.)?|oct(?:ober|\.)?|nov(?:ember|\.)?|dec(?:ember|\.)?"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|januar|februar|märz|mai|juni|juli|oktober|dezember"
    r"|janvier|février|mars|avril|juin|juillet|août|septembre|octobre|novembre|décembre)"
)
_DAY = rf"(?:(?:{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}})|(?:\d{{1,2}}(?:st|nd|rd|th|\.|º)?\s+(?:de\s+|of\s+)?{_MONTH},?\s+(?:de\s+)?\d{{4}})|\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}|\d{{4}}年\d{{1,2}}月\d{{1,2}}日)"
# A line that is nothing but a date, perhaps with a time and a word such as "Published".
DATE = re.compile(
    rf"(?:(?:first |last )?(?:published|updated|posted|date|modified|veröffentlicht|stand|publicado|actualizado|publié|mis à jour|发布时间|更新)(?: on| at| am| el| le| by)?\s*[:：]?\s*)?(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+|[A-Za-zé]{{4,10}},\s+)?(?P<date>{_DAY})(?:[\s,|·•T–—-]+(?:at\s+|um\s+|a las\s+|à\s+)?\d{{1,2}}[:.h]\d{{2}}(?::\d{{2}})?\s*(?:[ap]\.?m\.?|Uhr|Z)?\s*(?:\(?[A-Z]{{2,4}}\)?)?)?\s*$",
    re.IGNORECASE,
)
SPONSOR_END = re.compile(r"(?:\.\.\.|…|\[…\]|\[\.\.\.\])\s*$")
