"""BEIR folders and zips (Thakur et al., NeurIPS 2021): corpus.jsonl, queries.jsonl, qrels/*.tsv."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from rag.errors import DatasetError
from rag.evaluation.question_sets import RankingSet
from rag.evaluation.reading_files import fail, get_field, json_lines, to_text

__all__ = ["load_beir"]

_Files = dict[str, Callable[[], bytes]]


def load_beir(path: Path, split: str = "test") -> RankingSet:
    """Reads a retrieval data set.

    Args:
        path: the folder, or a zip that holds it.
        split: which `qrels/{split}.tsv`; where the set has only one, that one.

    Raises:
        DatasetError: a missing file, or the file, line and field of what is wrong in one.
    """
    files = _zip_files(path) if path.is_file() else _folder_files(path)
    name = str(path)
    for needed in ("corpus.jsonl", "queries.jsonl"):
        if needed not in files:
            raise fail(name, needed, "no such file; expected corpus.jsonl, queries.jsonl and qrels/*.tsv")
    splits = {PurePosixPath(file).stem: file for file in files if file.startswith("qrels/")}
    if not splits:
        raise fail(name, "qrels/", "no .tsv file there; expected qrels/test.tsv")
    if split not in splits:
        if len(splits) > 1:
            raise fail(name, f"qrels/{split}.tsv", f"no such file; expected one of {sorted(splits)}")
        split = next(iter(splits))
    corpus = _texts(files, "corpus.jsonl", name)
    queries = _texts(files, "queries.jsonl", name)
    qrels = _qrels(files, splits[split], name, corpus, queries)
    kept = {query_id: queries[query_id] for query_id in qrels}
    return RankingSet(path.name.removesuffix(".zip"), name, corpus, kept, qrels, split)


def _folder_files(path: Path) -> _Files:
    found = [*path.glob("*.jsonl"), *path.glob("qrels/*.tsv")]
    return {file.relative_to(path).as_posix(): file.read_bytes for file in found}


def _zip_files(path: Path) -> _Files:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise fail(str(path), "", f"not a zip archive ({error}); expected a BEIR folder or zip") from error
    names = [name for name in archive.namelist() if not name.endswith("/")]
    # Archives hold the folder itself (nfcorpus/corpus.jsonl) or its content.
    top = next((PurePosixPath(name).parent for name in names if name.endswith("corpus.jsonl")), None)
    files: _Files = {}
    for name in names:
        inside = PurePosixPath(name)
        if top is None or not inside.is_relative_to(top):
            continue
        key = inside.relative_to(top).as_posix()
        if key.endswith(".jsonl") or (key.startswith("qrels/") and key.endswith(".tsv")):
            files[key] = lambda name=name: archive.read(name)  # type: ignore[misc]
    return files


def _load(files: _Files, key: str, name: str) -> str:
    try:
        return to_text(files[key](), f"{name}: {key}")
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        if isinstance(error, DatasetError):
            raise
        raise fail(name, key, f"can't be read ({error}); get the archive again") from error


def _texts(files: _Files, key: str, name: str) -> dict[str, str]:
    where = f"{name}: {key}"
    out: dict[str, str] = {}
    for place, row in json_lines(_load(files, key, name), where):
        item = get_field(row, "_id", str, where, place)
        if item in out:
            raise fail(where, f"{place}, field '_id'", f"{item!r} is used twice; ids are unique")
        text = get_field(row, "text", str, where, place)
        title = get_field(row, "title", str, where, place) if "title" in row else ""
        out[item] = f"{title} {text}".strip()
    if not out:
        raise fail(where, "", "no line in it; expected one object a line with _id and text")
    return out


def _qrels(
    files: _Files, key: str, name: str, corpus: dict[str, str], queries: dict[str, str]
) -> dict[str, dict[str, int]]:
    where = f"{name}: {key}"
    out: dict[str, dict[str, int]] = {}
    for number, line in enumerate(_load(files, key, name).split("\n"), 1):
        cells = line.strip("\r").split("\t")
        if not line.strip() or (number == 1 and cells[-1] == "score"):
            continue
        place = f"line {number}"
        if len(cells) != 3:
            raise fail(where, place, f"{len(cells)} fields; expected query-id, corpus-id, score between tabs")
        query_id, doc_id, grade = cells
        if query_id not in queries:
            raise fail(where, f"{place}, field 'query-id'", f"{query_id!r} is not in queries.jsonl")
        if doc_id not in corpus:
            raise fail(where, f"{place}, field 'corpus-id'", f"{doc_id!r} is not in corpus.jsonl")
        try:
            out.setdefault(query_id, {})[doc_id] = int(grade)
        except ValueError as error:
            raise fail(where, f"{place}, field 'score'", f"{grade!r}; expected a whole number") from error
    if not out:
        raise fail(where, "", "no judgement in it; expected query-id, corpus-id, score lines")
    return out
