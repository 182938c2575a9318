"""The words that site furniture is made of, in a few languages; no site, brand or article is named here.

One pattern a line. Each is matched from the start of a line (blanks in a pattern stand for any blank,
case is ignored), and only on lines short enough that an article's own sentence is not taken for one.
"""

from __future__ import annotations

import re

__all__ = ["LINE", "LINE_WITHIN", "LINE_WITHIN_WORDS", "OPENER", "PROMOTION", "SIGNATURE", "WEAK_OPENER"]


def _any(patterns: str) -> re.Pattern[str]:
    """One expression out of a pattern a line; a line that is indented further goes on with the one before it."""
    joined = patterns.replace("\n        ", "")
    lines = (line.strip() for line in joined.splitlines())
    return re.compile("|".join(f"(?:{line})" for line in lines if line and not line.startswith("# ")), re.I)


# A short line after which other stories, comments or sharing follow.
OPENER = _any(r"""
    (?:you|others|readers|people)(?:'ll|’ll| may| might| will| who .{1,30})?(?: also)? (?:like|love|read|
        viewed|liked|enjoy)\b.{0,20}$
    you (?:may|might) (?:also )?be interested in
    also (?:read|like|viewed|in the news)
    leave (?:a|your) (?:reply|comment)\b
    (?:post|add|write|leave) (?:a|your) comment\b
    (?:\d+ (?:comments?|responses?|replies|reactions?)|comments? \(?\d+\)?)\W?$
    join the (?:conversation|discussion)\b.{0,30}$
    (?:next|previous|up next) (?:in\b.{0,40}|article|post|story)$
    up next:?$
    more (?:like this|news|stories|headlines|coverage|articles|top stories|posts)\b.{0,40}$
    (?:latest|trending|tranding|popular|top|recent|breaking|featured)(?: \w+)? (?:news|stories|posts?|
        articles?|headlines|videos)$
    (?:latest|trending|tranding|popular|hot) (?:now|today|this week|topics|on \w+)$
    (?:most|must)[- ](?:read|reads|viewed|popular|watched|shared|commented)\b.{0,30}$
    recommended(?: (?:for you|stories|reading|articles|videos|by\b.{0,20}))?:?$
    (?:trending|top stories|related|sponsored|promoted|advertisement|what to read next|read next|
        in case you missed it)\W?$
    related (?:articles?|stories|posts?|news|topics?|content|links|coverage|reading|items|videos)\W?$
    (?:editor['’]?s['’]?|editors|our|staff) picks?$
    (?:share|follow)(?: (?:this|us))?(?: (?:article|story|post|page|on))?:?$
    (?:filed under|categories|keywords):?$
    (?:from|around) (?:the|our) (?:web|partners|sponsors|network)$
    (?:sponsored|promoted|partner) (?:content|stories|links|by .{1,20})$
    about the authors?$
    # German
    (?:mehr|weitere) (?:artikel|meldungen|nachrichten|themen|zum thema)\b.{0,40}$
    das könnte (?:sie|dich) (?:auch )?interessieren
    (?:auch interessant|meistgelesen|lesen sie auch)\b.{0,20}$
    (?:kommentare?|kommentar (?:schreiben|hinterlassen)|schreiben sie einen kommentar)(?: \(?\d+\)?)?$
    # Spanish
    (?:también )?te (?:puede|podría|recomendamos)(?: también)?(?: leer| interesar\w*)?\W?$
    (?:noticias|artículos|temas|contenido) relacionad[oa]s?\W?$
    (?:lo )?más (?:leído|visto|leídas|vistas|noticias)\b.{0,20}$
    (?:deja|escribe|dejar) (?:un|tu|una) (?:comentario|respuesta)\b
    (?:comentarios(?: \(?\d+\)?)?|(?:lea|lee) también)\W?$
    # French
    (?:à lire|lire) (?:aussi|également)\W*$
    (?:articles|sujets) (?:liés|similaires|associés|connexes|recommandés)$
    les plus (?:lus|consultés|partagés)$
    (?:laisser|ajouter|écrire) un commentaire\b
    sur le même (?:sujet|thème)$
    commentaires(?: \(?\d+\)?)?$
    # Italian, Portuguese, Dutch
    (?:leggi|potrebbe interessarti) anche\W?$
    (?:articoli correlati|leia (?:também|mais)|lees ook|deixe um comentário)\W?$
    (?:artigos|notícias) relacionad[oa]s$
    # Chinese
    (?:相关|推荐|热门|延伸|更多)(?:阅读|新闻|文章|推荐|内容)[:：]?$
    (?:猜你喜欢|发表评论|网友评论|最新评论|大家都在看)[:：]?$
""")

# The same where other stories really follow; before paragraphs it may be an article's own heading.
WEAK_OPENER = _any(r"""
    more (?:from|in|on|about)\b.{0,60}$
    (?:read|see|learn) more\b.{0,40}$
    (?:latest|recent|other) (?:news|stories|headlines|developments)\b.{0,30}$
    (?:mehr (?:aus|von|zu)|plus de|más de|más sobre|altro su|mais sobre)\b.{0,40}$
    don['’]t miss\b.{0,20}$
    (?:comments|replies|responses|tags|topics|share)\W?$
""")

# Furniture as a line of its own.
LINE = _any(r"""
    subscribers can (?:sign up|read|listen|access|also|get|join|download|hear)\b
    (?:already )?(?:a |have an? )?(?:subscriber|member|account)\?? ?(?:sign|log) in\b
    (?:sign|log) in(?: to\b|$)
    for (?:the )?(?:latest|more|other)(?: \w+){0,3} (?:news|updates|stories|headlines)\b.{0,200}(?:download|follow|
        visit|subscribe|sign up|\bapp\b|click|go to)
    follow (?:us|me|him|her|them|our|the|reporters?)\b.{0,120}(?:\bon\b|@|channel|whatsapp|twitter|
        facebook|instagram|telegram)
    follow along\b.{0,100}$
    (?:like|join|find|connect with|visit) us (?:on|at)\b
    join (?:our|the) .{0,60}(?:channel|newsletter|community|whatsapp|telegram)
    join .{1,40} whatsapp channel
    (?:download|get|install) (?:the|our) .{0,60}\bapp\b
    get .{0,80}(?:in|to|into) your (?:inbox|texts|e-?mail|phone)\b
    (?:get|receive) .{0,80}(?:newsletter|push notifications|e-?mail alerts|news alerts)\b
    your e-?mail address will not be\b
    required fields are marked\b
    save my name, e-?mail\b
    you must be logged in\b
    notify me of\b.{0,60}(?:comments|posts)
    this site uses akismet\b
    (?:name|e-?mail|website|comment|message)(?: \*| \(required\)):?$
    this article (?:was downloaded|aggregates|is (?:provided|republished|reproduced)|contains affiliate|
        may contain affiliate)\b
    (?:this|the) (?:story|post|article|piece) (?:was )?(?:originally|first) (?:appeared|published|
        ran)\b.{0,120}$
    all (?:rights|trademarks)\b.{0,30}(?:reserved|belong|are)\b
    (?:©|\(c\) ?(?:19|20)\d\d|copyright (?:©|\(c\)|(?:19|20)\d\d|by\b))(?!.{300})
    (?:note: ?)?(?:the )?(?:featured |cover |lead |header |main )?(?:image|photo|picture|
        illustration)s?(?: (?:is|are|used))? ?(?:is |are )?(?:for )?(?:illustrati(?:ve|on)|
        representati(?:ve|onal)) (?:purposes?|only|image)
    do you have (?:questions about|a (?:tip|story|question))\b.{0,300}(?:platform|get the|e-?mail|contact|
        ask us|send|let us know)\b
    (?:got|have) (?:a |any )?(?:news )?(?:tips?|questions?|story ideas?|feedback|corrections?|
        complaints?)\b.{0,60}\?.{0,200}(?:contact|e-?mail|send|reach|call|write|let us)
    (?:read|see|learn|view|show|load|find out) more(?:$|[:»>…]| (?:at|here|stories|comments|in our|of our|
        articles)\b)
    (?:also |must )?(?:read|see|watch)(?: (?:also|more|next|now|this|here))? ?: ?\S
    [\[(]? ?(?:more|related|also|must read|must watch|read next|up next|next up|dig deeper|check out|
        see also|recommended|in pictures|in photos|photo gallery|watch|listen|learn more|go deeper|icymi|
        in case you missed it|opinion|fact check|more .{1,30}) ?: ?(?=\S.{15})(?!.{250})(?!.*[.;,]$)
    more .{1,30}: ?(?:https?://|www\.)
    (?:click|tap|swipe|scroll) (?:here|the link|the button|to (?:read|see|view|watch|listen|expand|
        download|subscribe)|through (?:the|our)|down|below)\b.{0,120}$
    (?:share|tweet|print|whatsapp|facebook|twitter|pinterest|reddit|linkedin|telegram|copy link|bookmark|
        cancel|submit|menu)$
    (?:back to top|skip to (?:main )?content|advertisement|ad|loading[.…]*|toggle navigation|play video|
        (?:show|hide|view|post|load)(?: all)? comments?|log ?in|sign ?in|sign ?up|register|
        subscribe(?: now)?)$
    (?:share|tweet|pin) (?:this|on|via|it|to|article|story)\b.{0,60}$
    (?:we|(?:this|our) (?:web)?site) uses? cookies\b
    by (?:continuing|using|clicking|signing up|subscribing|submitting|registering|
        providing)\b.{0,100}(?:\byou (?:agree|accept|consent)|terms (?:of|and)|privacy policy)
    (?:accept|manage|reject|allow)(?: all)? (?:cookies|preferences|consent)
    (?:cookie|privacy|terms)(?: (?:policy|notice|settings|of (?:use|service)|and conditions|
        preferences))+\b.{0,60}$
    (?:support|thank you for supporting) (?:our|independent|quality|local) .{0,60}(?:journalism|reporting|
        newsroom)\b
    support (?:local|independent|quality) journalism\b
    (?:story|article|advertisement|ad) ?[-–—:]? ?(?:scroll|continues?)\b.{0,10}(?:to continue|below|after|
        reading)?\b.{0,30}$
    continue reading\b.{0,60}$
    we (?:occasionally )?(?:may )?recommend .{0,60}products
    (?:don['’]t|never) miss (?:a|an|out|our|the|any)\b.{0,80}(?:story|beat|update|newsletter|sign up|
        subscribe)
    unable to (?:view|see|load) (?:our|the|this) .{0,60}$
    having trouble (?:view|see|load)ing\b
    (?:\d+ )?(?:shares|views|likes|retweets)$
    (?:\d+|one|two|three|five) ?-?min(?:ute)?s?\.? read$
    (?:estimated )?(?:reading|read) time\b.{0,20}$
    (?:last )?(?:updated|modified|published|posted)?:? ?(?:\d+|an?|one|two) (?:minutes?|mins?|hours?|hrs?|
        days?|seconds?|weeks?) ago$
    (?:view|see|open|launch) (?:in )?(?:the )?(?:gallery|slideshow|full[ -]?screen|original|larger image)\b
    # German
    (?:newsletter abonnieren|jetzt (?:(?:den |unseren )?newsletter )?(?:abonnieren|anmelden|registrieren|testen)|
        abonnieren sie|melden sie sich .{0,40}(?:an|newsletter)|folgen sie uns)\b.{0,200}$
    (?:teilen|merken|drucken|artikel (?:teilen|drucken|merken)|zur startseite|anzeige|werbung|anmelden|
        registrieren)$
    (?:ihre|deine) e-?mail-adresse wird nicht\b
    erforderliche felder sind\b
    wir (?:verwenden|nutzen) cookies\b
    (?:lesen sie (?:auch|mehr)|mehr (?:dazu|zum thema)|auch interessant) ?: ?\S(?!.{250})
    # Spanish
    (?:suscr[ií]b[ea]\w*|regístr[ea]\w*|síguenos|únete) (?:a|en|al|aquí|ahora|para|ya|con)\b.{0,200}$
    sigue(?:nos)? .{0,60}(?:facebook|twitter|whatsapp|instagram|telegram)
    (?:compartir|imprimir|publicidad|anuncio|iniciar sesión|registrarse|menú)$
    comparte (?:esta|este)\b.{0,40}$
    (?:tu|su) (?:dirección de )?correo electrónico no será\b
    los campos (?:obligatorios|necesarios)\b
    (?:lee|lea|ver|leer|mira)(?: también| más) ?:? ?\S(?!.{200})
    te puede interesar ?: ?\S
    (?:este sitio|esta web|nosotros)? ?(?:utilizamos|usamos|utiliza|usa) cookies\b
    # French
    (?:abonnez-vous|inscrivez-vous|suivez-nous|rejoignez-nous)\b.{0,200}$
    partager(?: (?:l['’]article|cet article|sur\b.{0,20}))?$
    votre adresse (?:e-?mail|de messagerie) ne sera\b
    les champs obligatoires\b
    (?:à )?lire (?:aussi|également|la suite) ?:? ?(?=\S?)(?!.{200})
    nous utilisons des cookies\b
    (?:publicité|se connecter|imprimer|article réservé aux abonnés)\W?$
    recevez (?:notre|la|nos|toute) .{0,100}(?:newsletter|lettre|infos?|actualité)
    # Italian, Portuguese, Dutch
    (?:iscriviti|seguici|inscreva-se|siga-nos|assine|abonneer|volg ons)\b.{0,120}$
    (?:condividi|pubblicità|compartilhe?|compartilhar|publicidade|advertentie|deel dit artikel)$
    (?:leggi anche|leia (?:também|mais)|lees ook) ?: ?\S(?!.{200})
    # Chinese
    (?:点击|扫码|扫描|长按).{0,10}(?:订阅|关注|下载|查看|进入|二维码)
    (?:关注我们|版权所有|版权声明|未经(?:授权|许可)|责任编辑|分享到|转载请|免责声明|返回(?:首页|顶部)|上一篇|下一篇).{0,60}$
    (?:登录|注册|广告|分享|收藏|打印)$
""")

# The same where other words may stand before it: one of `LINE_WITHIN_WORDS`, folded, is in each such line.
LINE_WITHIN = _any(r"""
    .{0,80}\ball rights reserved\b.{0,80}$
    .{0,60}(?:may )?(?:earn|receive)s? (?:an? |a small )?(?:affiliate )?(?:commission|revenue from|
        fee)\b.{0,60}(?:link|purchase|affiliate|referral|betting|audience)
    .{0,160}\b\d{1,2}:\d{2} [-–—] source:
    .{0,60}alle rechte vorbehalten\b
    .{0,60}todos los derechos reservados\b
    .{0,60}tous droits réservés\b
    .{0,60}(?:tutti i diritti riservati|todos os direitos reservados|alle rechten voorbehouden)\b
""")
LINE_WITHIN_WORDS = tuple(
    "reserv riservati réservés vorbehalten voorbehouden source: commission revenue fee".split()
)

# An invitation near the start of a short paragraph: an imperative that begins a sentence, and what it sells.
PROMOTION = re.compile(
    r"(?:^|[.?!:…►] ?)(?:Please )?"
    r"(?:Follow along\b|(?:Sign[- ]?up|SIGN UP|Subscribe|SUBSCRIBE|Register|Join|Download|Follow|Get|Play|Try|Text|"
    r"Shop|Support|See who is)\b"
    r"[^.?!]{0,140}\b(?i:newsletters?|inbox|app|whatsapp|telegram|alerts|podcast|notifications|crossword|puzzle|"
    r"subscription|journalism|elections team|free trial|voter guide|curated by our editors)\b)"
)
# How to reach who wrote it: contact words and an address or a handle, with a pronoun, a name or a reporter's title.
_CONTACT = r"(?i:reach|contact|e-?mail|follow|tweet|message|call|find)"
_ADDRESS = r".{0,160}?(?:[\w.+-]+@[\w-]+\.\w+|(?<!\w)@\w{3,})"
_WRITES = (
    r"(?i:reporter|journalist|correspondent|columnist|editor|writer|reporting fellow|photographer|producer|"
    r"intern|contributor)"
)
SIGNATURE = re.compile(
    rf"\b{_CONTACT} (?:him|her|them|me|us)\b{_ADDRESS}|\b{_WRITES}\b.{{0,200}}\b{_CONTACT}(?:ed)?\b{_ADDRESS}"
    rf"|\b{_WRITES} covering .{{0,200}}{_ADDRESS}"
    rf"|^{_CONTACT} (?:\w+ ){{0,6}}?(?:{_WRITES}|[A-Z][\w.'’-]+ [A-Z]){_ADDRESS}"
    rf"|^(?:[A-Z][\w.'’-]+ ){{2,4}}(?i:can be (?:reached|contacted|followed|e-?mailed)|covers)\b{_ADDRESS}"
    r"|^(?i:(?:on )?(?:twitter|x|instagram|facebook|threads)(?:/x)?)\s?:?\s?@\w|^(?i:e-?mail): ?[\w.+-]+@"
)
