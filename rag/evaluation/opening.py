"""Opens the pipeline that a data set is asked through: in memory, from seeds/, or an index."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from rag.abstention import READING_RANK, Calibration
from rag.asking import open_pipeline
from rag.assembly import Part, Progress
from rag.config import Config
from rag.corpus import find_files, read_file
from rag.datatypes import Chunk, Document, Span
from rag.encoder import Encoder, Vectors
from rag.errors import DatasetError
from rag.evaluation.datasets import own_seed_questions
from rag.evaluation.question_sets import QuestionSet, RankingSet
from rag.evaluation.run import Setting
from rag.index import Index
from rag.pipeline import Pipeline
from rag.progress import bar
from rag.records import encode_chunk, encode_document
from rag.retriever import Retriever

__all__ = ["RememberingEncoder", "ranking_retriever", "rebuild", "seed_texts", "set_pipeline"]


_PORTION = 1_024  # texts encoded between two writes of the cache


class RememberingEncoder:
    """An encoder that never encodes the same document text twice: ablations cut the same texts again.

    Only for indexing. Questions are asked through the plain encoder, or their latency would be false.

    Args:
        plain: the real one.
        cache: a file to keep document vectors in between runs; None keeps them in memory only.
    """

    def __init__(self, plain: Encoder, cache: Path | None = None) -> None:
        self.plain = plain
        self._cache = cache
        self._known: dict[str, Vectors] = _load(cache, plain.encoder_id) if cache else {}

    @property
    def encoder_id(self) -> str:
        return self.plain.encoder_id

    @property
    def dim(self) -> int:
        return self.plain.dim

    @property
    def max_tokens(self) -> int:
        return self.plain.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.plain.count_tokens(texts)

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in texts]
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        with bar("encoding", unit="text") as show:
            # In portions, so that hours of work on a large set outlive an interruption.
            told = progress or _counted(show, len(fresh))
            todo = list(fresh.items())
            for begin in range(0, len(todo), _PORTION):
                portion = dict(todo[begin : begin + _PORTION])
                made = self.plain.encode_document(list(portion.values()), told)
                self._known.update(zip(portion, made, strict=True))
                if self._cache:
                    _save(self._cache, self.plain.encoder_id, self._known)
        return np.stack([self._known[key] for key in keys])

    def encode_query(self, text: str) -> Vectors:
        return self.plain.encode_query(text)


def _counted(show: Progress, n_total: int) -> Callable[[int], None]:
    """Batch sizes to what a bar is told: how many are done."""
    n_done = 0

    def add(n: int) -> None:
        nonlocal n_done
        n_done += n
        show(n_done, n_total)

    return add


def _load(cache: Path, encoder_id: str) -> dict[str, Vectors]:
    if not cache.exists():
        return {}
    try:
        with np.load(cache, allow_pickle=False) as held:
            if str(held["encoder_id"]) != encoder_id:
                raise DatasetError(
                    f"{cache}: vectors of {str(held['encoder_id'])!r}, the encoder in use is {encoder_id!r}; "
                    "name another --cache file"
                )
            return dict(zip(held["keys"].tolist(), held["vectors"], strict=True))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DatasetError(f"{cache}: not a file of vectors ({error}); delete it or name another") from error


def _save(cache: Path, encoder_id: str, known: Mapping[str, Vectors]) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    with cache.open("wb") as file:
        np.savez(
            file, encoder_id=encoder_id, keys=np.array(list(known)), vectors=np.stack(list(known.values()))
        )


def set_pipeline(
    questions: QuestionSet,
    setting: Setting,
    encoder: RememberingEncoder,
    *,
    index: str | None = None,
    config: Config | None = None,
    fitted: bool = True,
) -> Pipeline:
    """The pipeline for a question set.

    Args:
        questions: SQuAD's paragraphs are indexed in memory; questions of one's own are asked to `index`,
            by default `index/`; the project's own questions to `seeds/`, read afresh.
        setting: in `reader` nothing is retrieved, so one paragraph is enough to open a pipeline.
        encoder: makes the vectors of what is indexed in memory.
        index: folder of an index.
        config: settings; the defaults if None.
        fitted: as for `rebuild`, for questions that are not asked to an index.

    Raises:
        RagError: no such index or folder, a model that is missing, ...
    """
    config = config or Config()
    texts = questions.texts
    if texts is not None and index is not None:
        raise DatasetError(
            f"{questions.path} brings its own paragraphs; leave out --index, which is for questions of your own"
        )
    if texts is None:
        own = Path(questions.path).resolve().parent == own_seed_questions().resolve().parent
        if index is not None or not own:
            return Pipeline.load(index, config=config) if index else open_pipeline(None)
        texts = seed_texts()
    elif setting == "reader":
        doc_id = next(iter(texts))
        texts = {doc_id: texts[doc_id]}
    return rebuild(texts, encoder, config, fitted=fitted)


def rebuild(
    texts: Mapping[str, str],
    encoder: RememberingEncoder,
    config: Config,
    reader_of: Pipeline | None = None,
    *,
    fitted: bool = True,
) -> Pipeline:
    """A pipeline in memory over texts.

    Args:
        texts: by doc_id.
        encoder: makes the vectors.
        config: settings.
        reader_of: a pipeline whose loaded reader is used again.
        fitted: False loads no calibration: it is to be fitted, and the reader may be a new one.
    """
    made = Index.from_texts(texts, config=config, encoder=encoder)
    return Pipeline(
        made,
        encoder.plain,
        config,
        reader_of.reader if reader_of else None,
        calibration=None if fitted else Calibration.unfitted(),
        reading_calibration=None if fitted else Calibration.unfitted(READING_RANK),
    )


def seed_texts() -> dict[str, str]:
    """The texts of `seeds/`, where we stand or else where the project lies, by doc_id.

    Raises:
        DatasetError: there is no such folder.
    """
    places = (Path("seeds"), Path(__file__).resolve().parents[2] / "seeds")
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise DatasetError(
            "the project's own questions are about the folder seeds/, which is neither here nor beside the "
            "package; run rag eval in the project's folder, or name a DATASET"
        )
    return {source.doc_id: read_file(source)[0] for source in find_files([folder]).files}


def ranking_retriever(
    data: RankingSet, encoder: RememberingEncoder, config: Config, progress: Progress | None = None
) -> Retriever:
    """The retriever over a BEIR corpus, each document one unit, as in the published figures.

    What is beyond the encoder's limit is cut by the encoder, as it is there; BM25 reads all of it.

    Args:
        data: the ranking set.
        encoder: makes the vectors.
        config: how the rankings are joined.
        progress: told (n_done, n_total) documents encoded.
    """
    parts = [_whole(doc_id, text) for doc_id, text in sorted(data.corpus.items()) if text.strip()]
    # Index.from_texts would cut the documents.
    index = Index.of_parts(parts, config=config, encoder=encoder, progress=progress)
    return Retriever(index, encoder.plain, config.retrieve)


def _whole(doc_id: str, text: str) -> Part:
    span = Span(0, len(text))
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    document = Document(doc_id, text, sha256, prose=(span,), sentences=(span,))
    chunk = Chunk(doc_id, doc_id, 0, 1, span, text, ((0, 0),))
    return Part(doc_id, sha256, encode_document(document), [encode_chunk(chunk)], [text], None, [-1])
