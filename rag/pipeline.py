"""Question -> retrieve -> read -> decide -> cite -> Answer. The page to read first.

>>> pipeline = Pipeline.from_texts({"note.txt": "The bridge was opened in 1932 by Mayor Adams."})
>>> answer = pipeline.ask("When was the bridge opened?")
>>> answer.text, answer.short
('The bridge was opened in 1932 by Mayor Adams.', '1932')
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import compress
from pathlib import Path

from rag.abstention import Calibration, Decision
from rag.assembly import make_document
from rag.candidates import Candidate, find_candidates
from rag.chunking import whole_chunk
from rag.citation import cite, same_words, says
from rag.config import Config, DecideConfig
from rag.conversation import History, means_more, understand
from rag.copies import find_copy
from rag.datatypes import NOT_IN_SOURCES, Answer, Citation, Document
from rag.encoder import Encoder, load_encoder
from rag.features import describe
from rag.filters import Day, Filter, Where
from rag.imprint import with_imprint
from rag.index import Index
from rag.inference import side_by_side
from rag.opening import open_index
from rag.question import check_question
from rag.reader import BUNDLED_READER, Reader
from rag.retriever import Hit, Retriever
from rag.snapshot import utf8
from rag.topics import without_opener

__all__ = ["Considered", "Pipeline"]

# Copies of a quote that are cited at most.
_MOST_COPIES = 50
# What says something else and is this far behind the best is no second answer.
_FAR = 10.0


@dataclass(frozen=True, slots=True)
class Considered:
    """Everything that the decision was made from.

    Attributes:
        question: as asked, or as understood from the conversation.
        candidates: the reader's spans, best first.
        hits: the chunks that were read, best first.
        features: of the best candidate, or None.
        decision: answer or refuse.
        timings: seconds by stage.
    """

    question: str
    candidates: tuple[Candidate, ...]
    hits: tuple[Hit, ...]
    features: dict[str, float] | None
    decision: Decision
    timings: dict[str, float] = field(default_factory=dict)


class Pipeline:
    """One index with its retriever, reader and calibration, held open.

    Safe to share between threads: it is never changed after it is made.

    Args:
        index: what is asked.
        encoder: that made the index's vectors.
        config: settings.
        reader: None opens the one that `config` names.
        calibration, reading_calibration: taken as they are, for fitting; None loads the corpus's own or the
            reader's, the second of them when given texts are first read.

    Raises:
        ModelError: a model or calibration is missing, damaged or of another reader.
    """

    def __init__(
        self,
        index: Index,
        encoder: Encoder,
        config: Config,
        reader: Reader | None = None,
        *,
        calibration: Calibration | None = None,
        reading_calibration: Calibration | None = None,
    ) -> None:
        self.index = index
        self.config = config
        self._encoder = encoder
        self.retriever = Retriever(index, encoder, config.retrieve)
        self.reader = reader or Reader(config.read)
        self.calibration = calibration or _calibration(index, self.reader)
        self._reading_calibration = reading_calibration

    @cached_property
    def reading_calibration(self) -> Calibration:
        """What `read` decides with; not needed to ask an index, so a corpus's own calibration is enough for that."""
        return self._reading_calibration or Calibration.load(
            BUNDLED_READER / "calibration_reading.json", reader_id=self.reader.reader_id
        )

    @classmethod
    def load(cls, index: str | Path = "index", *, config: Config | None = None) -> Pipeline:
        """Open an index.

        Args:
            index: its folder, or a URI such as `lance://FOLDER`.
            config: settings; None takes those that the index was made with.

        Raises:
            IndexMissing: nothing there.
            IndexMismatch: made by another format, encoder or setting, or damaged.
            IndexUnavailable: the store that holds it is down or slow.
        """
        opened = open_index(index, config=config)
        encoder = load_encoder(opened.config.encoder)
        opened.check_encoder(encoder.encoder_id)
        return cls(opened, encoder, opened.config)

    def onto(self, index: Index) -> Pipeline:
        """The same models over another state of the index that this one was opened on.

        Raises:
            IndexMismatch: made with another encoder.
        """
        index.check_encoder(self._encoder.encoder_id)
        return Pipeline(index, self._encoder, replace(index.config, decide=self.config.decide), self.reader)

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], *, config: Config | None = None) -> Pipeline:
        """A pipeline over texts in memory, by doc_id; nothing is written to disk."""
        config = config or Config()
        encoder = load_encoder(config.encoder)
        return cls(Index.from_texts(texts, config=config, encoder=encoder), encoder, config)

    def deciding(self, decide: DecideConfig) -> Pipeline:
        """The same pipeline, as careful as `decide` says; nothing is loaded again."""
        other = copy.copy(self)
        other.config = dataclasses.replace(self.config, decide=decide)
        return other

    def _as_careful(self, min_confidence: float | None, max_risk: float | None) -> Pipeline:
        if min_confidence is None and max_risk is None:
            return self
        return self.deciding(DecideConfig(min_confidence, max_risk))

    def ask(
        self,
        question: str,
        *,
        top_k: int = 3,
        documents: Where = None,
        history: History | None = None,
        since: Day | None = None,
        until: Day | None = None,
        language: str | None = None,
        author: str | None = None,
        source: str | None = None,
        min_confidence: float | None = None,
        max_risk: float | None = None,
    ) -> Answer:
        """Answer with the documents' own words, or refuse.

        Args:
            question: up to 2,000 characters.
            top_k: most citations, or nearest passages where refused; copies of the quote in other documents
                are cited besides.
            documents: patterns of doc_ids to search in, such as `["001*"]`; or a whole filter.
            history: earlier (question, answer) pairs, oldest first; what the question refers to is
                taken from them. An answer is an `Answer` or its text.
            since, until: only documents dated within; a year, a month or a day, inclusive. Those without a
                certain date are left out.
            language: only documents in it, such as "en".
            author, source: only documents that state one with these letters in it.
            min_confidence, max_risk: how careful to be, one of them, as in `DecideConfig`; None takes the
                pipeline's own settings.

        Raises:
            QuestionError: empty, blank, too long or not text.
            ConfigError: a filter that can't be used, or patterns that match no document; a probability that is
                none, or a risk that no threshold reaches.
        """
        careful = self._as_careful(min_confidence, max_risk)
        started = time.perf_counter()
        where = Filter.of(
            documents, since=since, until=until, language=language, author=author, source=source
        )
        if history:
            considered = careful.follow(question, history, documents=where)
        else:
            considered = careful.consider(question, documents=where)
        return self._answer(question, considered, top_k, started, where)

    def ask_many(
        self,
        questions: Sequence[str],
        *,
        top_k: int = 3,
        documents: Where = None,
        min_confidence: float | None = None,
        max_risk: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Answer]:
        """As `ask`, of many questions, side by side: more of them in the same time, each with the same answer.

        Args:
            questions: up to 2,000 characters each.
            top_k: most citations, or nearest passages where refused.
            documents: patterns of doc_ids to search in, or a filter.
            min_confidence, max_risk: as `ask`.
            progress: told (n_done, n_total) after each question.

        Raises:
            QuestionError: one is empty, blank, too long or not text; none is asked then.
        """
        for question in questions:
            check_question(question)
        answers = []
        where = Filter.of(documents)
        careful = self._as_careful(min_confidence, max_risk)
        for answer in side_by_side(partial(careful.ask, top_k=top_k, documents=where), questions):
            answers.append(answer)
            if progress is not None:
                progress(len(answers), len(questions))
        return answers

    def consider_many(self, questions: Sequence[str]) -> Iterator[Considered]:
        """As `consider`, of many questions, side by side, in their order."""
        return side_by_side(self.consider, questions)

    def read(self, question: str, texts: Mapping[str, str], *, top_k: int = 3) -> Answer:
        """Answer from the given texts alone, each read whole; nothing is retrieved.

        Args:
            question: up to 2,000 characters.
            texts: by doc_id.
            top_k: most citations.

        Raises:
            QuestionError: empty, blank, too long or not text.
            SourceError: a text that can't be written as UTF-8.
        """
        started = time.perf_counter()
        return self._answer(question, self.consider_texts(question, texts), top_k, started)

    def _answer(
        self,
        question: str,
        considered: Considered,
        top_k: int,
        started: float,
        where: Filter | None = None,
    ) -> Answer:
        timings = dict(considered.timings)
        with _timed(timings, "cite"):
            citations = self._citations(considered, top_k, where)
        timings["total"] = time.perf_counter() - started
        decision = considered.decision
        understood = considered.question if considered.question != check_question(question) else None
        if not decision.found:
            return Answer(
                question, False, NOT_IN_SOURCES, None, decision.confidence,
                nearest=citations, reason=self._reason(decision, where), timings=timings,
                understood=understood, filter=str(where) if where else None,
            )  # fmt: skip
        best = considered.candidates[0]
        return Answer(
            question, True, citations[0].quote, best.short, decision.confidence,
            citations=citations, timings=timings, understood=understood,
            filter=str(where) if where else None,
        )  # fmt: skip

    def consider(self, question: str, *, documents: Where = None) -> Considered:
        """Everything up to the decision, for evaluation and for explaining an answer."""
        cleaned = self.reader.asked(check_question(question))
        timings: dict[str, float] = {}
        with _timed(timings, "retrieve"):
            hits = self.retriever.retrieve(cleaned, documents=documents)
            hits = with_imprint(cleaned, hits, self.index.documents)
        return self._read_and_decide(cleaned, hits, timings, self.index.documents, self.calibration)

    def consider_texts(self, question: str, texts: Mapping[str, str]) -> Considered:
        """As `consider`, of the given texts by doc_id, each read whole; nothing is retrieved."""
        cleaned = self.reader.asked(check_question(question))
        timings: dict[str, float] = {}
        with _timed(timings, "prepare"):
            documents = {
                doc_id: make_document(doc_id, text, hashlib.sha256(utf8(doc_id, text)).hexdigest())
                for doc_id, text in texts.items()
            }
            hits = [
                Hit(place, whole_chunk(document), 0.0, 0.0, 0.0)
                for place, document in enumerate(documents.values())
                if document.sentences
            ]
        return self._read_and_decide(cleaned, hits, timings, documents, self.reading_calibration)

    def follow(self, question: str, history: History, *, documents: Where = None) -> Considered:
        """As `consider`, for a question that may refer to earlier ones; says which question it took.

        Where the question makes sense by itself too, both readings of it are tried.
        """
        cleaned = self.reader.asked(check_question(question))
        documents = Filter.of(documents)
        understood = understand(cleaned, history)
        if not (understood.refers_back and not understood.may_stand_alone):
            # "And where is ...?": the reader has learnt from questions that begin with themselves.
            bare = replace(self.consider(without_opener(cleaned), documents=documents), question=cleaned)
            if not understood.refers_back:
                return bare
        meant = self.consider(understood.question, documents=documents)
        if not understood.may_stand_alone:
            return meant
        taken = meant if means_more(understood, bare.decision.confidence, meant.decision.confidence) else bare
        timings = {stage: meant.timings[stage] + bare.timings[stage] for stage in meant.timings}
        return replace(taken, timings=timings)

    def _read_and_decide(
        self,
        question: str,
        hits: Sequence[Hit],
        timings: dict[str, float],
        documents: Mapping[str, Document],
        calibration: Calibration,
    ) -> Considered:
        with _timed(timings, "read"):
            readings = self.reader.read(question, [hit.chunk.text for hit in hits])
        with _timed(timings, "decide"):
            candidates = find_candidates(
                documents,
                hits,
                readings,
                partial(self.retriever.similarity, question),
                max_quote_words=self.config.read.max_quote_words,
                weights=calibration.rank,
                alike=partial(self.retriever.alike, question),
            )
            features = describe(question, candidates, hits, self.index.words, n_chunks=len(self.index.chunks))
            decision = calibration.decide(features, self.config.decide)
        return Considered(question, tuple(candidates), tuple(hits), features, decision, timings)

    def _reason(self, decision: Decision, where: Filter | None) -> str | None:
        """Why it was refused; and that a filter was on, where one was."""
        if where is None:
            return decision.reason
        chosen, n = self.index.documents.choose(where), len(self.index.documents)
        undated = (
            f"; {chosen.n_undated} left out because no certain date is known" if chosen.n_undated else ""
        )
        if not chosen.n:
            return f"no document matches the filter ({where}): none of {n} was searched{undated}"
        return f"{decision.reason}; a filter was on ({where}): {chosen.n} of {n} documents searched{undated}"

    def _copies(self, best: Candidate, where: Filter | None) -> Iterator[Citation]:
        """The best quote where other documents say it, in as good as the same words."""
        own = best.document.doc_id
        known = {*best.hit.copies, *self.index.copies.get(own, ())} - {own}
        allowed = set(known)
        if where is not None:
            chosen = self.index.documents.choose(where).documents
            allowed = {d for d, ok in zip(self.index.documents, chosen, strict=True) if ok}
        for doc_id in sorted(known & allowed)[:_MOST_COPIES]:
            document = self.index.documents[doc_id]
            found = find_copy(document, best.quote.of(best.document.text), best.short)
            if found is not None:
                yield cite(document, *found, best.score)

    def _citations(self, considered: Considered, top_k: int, where: Filter | None) -> tuple[Citation, ...]:
        """One citation a quote, best first, then its copies; what only repeats an earlier place is left out."""
        kept: list[Citation] = []
        n_copies = 0
        for candidate in _ordered(considered):
            if len(kept) - n_copies >= max(1, top_k):
                break
            overlaps = any(
                c.doc_id == candidate.document.doc_id
                and c.start < candidate.quote.end
                and candidate.quote.start < c.end
                for c in kept
            )
            if not overlaps:
                kept.append(cite(candidate.document, candidate.quote, candidate.span, candidate.score))
            if len(kept) == 1 and considered.decision.found:
                kept += self._copies(candidate, where)
                n_copies = len(kept) - 1
        return tuple(kept)


def _ordered(considered: Considered) -> Iterator[Candidate]:
    """The best candidate, then places that say the same, then (where refused, any) others worth showing."""
    if not considered.candidates:
        return
    best, *others = considered.candidates
    words = same_words(best.short)
    yield best
    agreeing = [c.reading.score > 0 and says(same_words(c.quote.of(c.document.text)), words) for c in others]
    yield from compress(others, agreeing)
    for candidate, agrees in zip(others, agreeing, strict=True):
        near = candidate.reading.score > 0 and candidate.score > best.score - _FAR
        if not agrees and (near or not considered.decision.found):
            yield candidate


def _calibration(index: Index, reader: Reader) -> Calibration:
    """The corpus's own calibration where one was fitted, else the one that comes with the reader."""
    own = index.own_calibration()
    if own is not None:
        return Calibration.parse(
            own, "calibration.json", reader_id=reader.reader_id, encoder_id=index.encoder_id
        )
    return Calibration.load(BUNDLED_READER / "calibration.json", reader_id=reader.reader_id)


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    timings[stage] = time.perf_counter() - started
