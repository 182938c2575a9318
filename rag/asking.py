"""`ask`: the pipeline with an index found, built where it is missing, and kept open."""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.config import Config, DecideConfig
from rag.conversation import History
from rag.datatypes import Answer
from rag.errors import IndexBusy, IndexMissing
from rag.filters import Day, Filter
from rag.locations import is_shared
from rag.opening import newest_state, open_index
from rag.pipeline import Pipeline
from rag.snapshot import CALIBRATION_NAME

__all__ = ["ask", "default_index", "open_pipeline"]

PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class _Opened:
    """A pipeline, and what its index was when it was opened."""

    generation: str
    calibration: str
    pipeline: Pipeline


# By folder or URI.
_open: dict[Path | str, _Opened] = {}
# What tells whether an index that is not in a folder has changed, by URI.
_newest: dict[str, Callable[[], int]] = {}
_lock = threading.Lock()


def ask(
    question: str,
    *,
    index: str | Path | None = None,
    top_k: int = 3,
    documents: Sequence[str] | None = None,
    history: History | None = None,
    since: Day | None = None,
    until: Day | None = None,
    language: str | None = None,
    author: str | None = None,
    source: str | None = None,
    min_confidence: float | None = None,
    max_risk: float | None = None,
) -> Answer:
    """Ask the documents; get their own words with the exact place, or "not in sources".

    The index is opened once and kept; it is opened again when `rag index` has changed it, and decides anew when
    `rag calibrate` has.

    Args:
        question: up to 2,000 characters.
        index: folder of the index, or a URI such as `lance://FOLDER`; `index/` by default, built from `seeds/` on
            first use.
        top_k: most citations, or nearest passages where the answer is "not in sources".
        documents: patterns of doc_ids to search in, such as `["001*"]`.
        history: earlier (question, answer) pairs of the conversation, so that "why?" is understood.
        since, until: only documents dated within, such as `since="2024-03", until="2024"`; those without a
            certain date are left out.
        language, author, source: only documents that state them, such as `language="de"`.
        min_confidence: answer only at this calibrated probability or above, 0 to 1; None takes the threshold
            that was fitted.
        max_risk: instead, the largest share of wrong answers to accept on the questions it was fitted on.

    Raises:
        QuestionError: empty, blank, over 2,000 characters or not text.
        ConfigError: a filter that can't be used, or patterns that match no document; a probability that is none,
            or a risk that no threshold reaches.
        IndexMissing: no index there and nothing to build it from.
        IndexMismatch: the index was made by another format, encoder or setting, or is damaged.
    """
    from rag.question import check_question

    check_question(question)  # before an index is built or opened for nothing
    where = Filter.of(documents, since=since, until=until, language=language, author=author, source=source)
    DecideConfig(min_confidence, max_risk)
    pipeline = open_pipeline(index)
    return pipeline.ask(
        question,
        top_k=top_k,
        documents=where,
        history=history,
        min_confidence=min_confidence,
        max_risk=max_risk,
    )


def open_pipeline(index: str | Path | None = None) -> Pipeline:
    """The pipeline over an index, opened once for each generation and calibration of it; the models stay loaded.

    Raises:
        RagError: as `ask`.
    """
    if isinstance(index, str) and is_shared(index):
        return _open_shared(index)
    path = default_index() if index is None else Path(index)
    with _lock:
        _build_if_missing(path)
        place, generation, calibration = path.resolve(), _generation(path), _calibration(path)
        known = _open.get(place)
        if known is None:
            pipeline = Pipeline.load(path)
        elif known.generation != generation:
            pipeline = _opened_again(path, known.pipeline)
        elif known.calibration != calibration:
            pipeline = known.pipeline.onto(known.pipeline.index)
        else:
            return known.pipeline
        _open[place] = _Opened(generation, calibration, pipeline)
        return pipeline


def _open_shared(uri: str) -> Pipeline:
    """As `open_pipeline`, of an index that other machines may write; the models stay loaded when it changes."""
    newest = _newest.setdefault(uri, newest_state(uri))
    # Not under the lock: a store that is slow must not hold up who asks another index.
    state = str(newest())
    with _lock:
        known = _open.get(uri)
        if known is not None and known.generation == state:
            return known.pipeline
        pipeline = _opened_again(uri, known.pipeline) if known else Pipeline.load(uri)
        # What was opened may be newer still. A calibration is part of the state there.
        _open[uri] = _Opened(pipeline.index.generation, "", pipeline)
        return pipeline


def _opened_again(place: str | Path, before: Pipeline) -> Pipeline:
    """The newest state of an index with the models that are loaded already, where they fit."""
    index = open_index(place)
    same = (index.config.encoder, index.config.read) == (before.config.encoder, before.config.read)
    return before.onto(index) if same else Pipeline.load(place)


def default_index() -> Path:
    """`index/` where we stand, or else where the project itself lies."""
    here = Path("index")
    if (here / "CURRENT").exists() or Path("seeds").is_dir():
        return here
    project = Path(__file__).resolve().parent.parent
    return project / "index" if (project / "seeds").is_dir() else here


def _generation(path: Path) -> str:
    try:
        return (path / "CURRENT").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _calibration(path: Path) -> str:
    """Tells one calibration that was fitted to this index from another; blank where there is none."""
    try:
        return hashlib.sha256((path / CALIBRATION_NAME).read_bytes()).hexdigest()
    except OSError:
        return ""


def _build_if_missing(path: Path) -> None:
    """Build `index/` from the `seeds/` beside it, saying so; any other index must be there."""
    if (path / "CURRENT").exists():
        return
    seeds = path.parent / "seeds"
    if path.name != "index" or not seeds.is_dir():
        raise IndexMissing(f"no index at {str(path)!r}; build one with: rag index PATH... --index {path}")
    from rag.encoder import load_encoder
    from rag.index import update_index

    print(f"first use: building {path}/ from {seeds}/ ...", file=sys.stderr)
    config = Config()
    try:
        report = update_index([seeds], path, config=config, encoder=load_encoder(config.encoder))
    except IndexBusy:
        _wait_for_the_other(path)
        return
    print(
        f"built {path}/: {report.n_documents} documents, {report.n_chunks} chunks, {report.seconds:.1f} s",
        file=sys.stderr,
    )


def _wait_for_the_other(path: Path) -> None:
    """Two first uses at once: the second waits for what the first builds.

    Raises:
        IndexBusy: it is not there after ten minutes.
    """
    print(f"another process is building {path}/ already; waiting for it ...", file=sys.stderr)
    deadline = time.monotonic() + PATIENCE_S
    while not (path / "CURRENT").exists():
        if time.monotonic() > deadline:
            raise IndexBusy(f"{path}/ is still being built by another process; try again when it is done")
        time.sleep(0.2)
