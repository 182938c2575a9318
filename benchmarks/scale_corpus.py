"""Corpora of any size out of some thousand real chunks, for `benchmarks.scale`.

Each copy of the real documents has a fifth of its words exchanged for others of the same length, some of
them words that occur nowhere else; offsets stay true, so that answers can be cited. Its vectors are
those of the real chunks moved along the difference of two other real ones, which keeps them where
vectors of text lie. Copies are therefore about as far from each other as different articles of the same
subjects are.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rag.assembly import Part, read_part
from rag.config import Config
from rag.corpus import find_files, read_file
from rag.encoder import Encoder
from rag.errors import SourceError

Floats = npt.NDArray[np.float32]

_WORD = re.compile(r"\b[A-Za-z]{4,}\b")
_CHANGED, _INVENTED = 0.2, 0.02
_NEAREST, _FARTHEST = 0.3, 0.7

# Chunks made at a time, where not all are held at once.
_PORTION = 4096

_PROJECT = Path(__file__).resolve().parent.parent
_OWN = ("seeds", "rag/training/written/train.json.gz", "rag/training/written/dev.json.gz")


@dataclass(frozen=True, slots=True)
class Real:
    """Real documents, cut and encoded.

    Attributes:
        parts: by doc_id.
        vectors: float32, (n_chunks, dim).
    """

    parts: tuple[Part, ...]
    vectors: Floats

    @property
    def texts(self) -> list[str]:
        """Of all chunks."""
        return [text for part in self.parts for text in part.texts]


def read_real(folder: Path, n_chunks: int, encoder: Encoder, cache: Path | None = None) -> Real:
    """The first documents of a folder that have so many chunks together, encoded; as `read_texts`."""
    found = ((source.doc_id, *read_file(source)) for source in find_files([folder]).files)
    return _cut(found, n_chunks, encoder, cache)


def read_texts(paths: Sequence[Path], n_chunks: int, encoder: Encoder, cache: Path | None = None) -> Real:
    """Real documents that have so many chunks together, or all there are, encoded.

    Args:
        paths: folders with text files, and files of articles: SQuAD's JSON, or JSON lines with `doc_id`,
            `title` and `text`, both also with `.gz`. Without any, this project's own: `seeds` and the
            articles written for training.
        n_chunks: how many at least, where there are so many.
        encoder: of the vectors.
        cache: a folder to keep the vectors in.
    """
    given = list(paths) or [_PROJECT / name for name in _OWN]
    texts = ((name, text, hashlib.sha256(text.encode()).hexdigest()) for name, text in _texts(given))
    return _cut(texts, n_chunks, encoder, cache)


def _texts(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        if path.is_dir():
            yield from ((source.doc_id, read_file(source)[0]) for source in find_files([path]).files)
            continue
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as file:
            if ".jsonl" in path.suffixes:
                rows = map(json.loads, file)
                yield from ((row["doc_id"], f"{row.get('title') or ''}\n\n{row['text']}") for row in rows)
            elif ".json" in path.suffixes:
                for place, article in enumerate(json.load(file)["data"]):
                    said = "\n\n".join(one["context"] for one in article["paragraphs"])
                    yield f"{path.name}/{place:05d}", said
            else:
                raise SourceError(
                    f"{str(path)!r}: expected a folder, .json, .jsonl, or one of these with .gz"
                )


def _cut(texts: Iterable[tuple[str, str, str]], n_chunks: int, encoder: Encoder, cache: Path | None) -> Real:
    """Cut and encode documents, each with its name and sha256, until there are enough chunks."""
    parts: list[Part] = []
    config, n = Config(), 0
    for doc_id, text, sha256 in texts:
        parts.append(read_part(doc_id, text, sha256, config, encoder))
        n += len(parts[-1].texts)
        if n >= n_chunks:
            break
    chunks = [text for part in parts for text in part.texts]
    key = hashlib.sha256("\0".join([encoder.encoder_id, *chunks]).encode()).hexdigest()
    kept = cache / f"real-{key[:16]}.npy" if cache else None
    if kept and kept.exists():
        return Real(tuple(parts), np.load(kept))
    vectors = encoder.encode_document(chunks)
    if kept:
        np.save(kept, vectors)
    return Real(tuple(parts), vectors)


def copies(real: Real, n_chunks: int) -> tuple[list[Part], Floats]:
    """So many chunks: the real ones first, then copies of them with other words and vectors."""
    parts = sorted(_first_parts(real, n_chunks), key=lambda part: part.doc_id)
    return parts, _vectors(real, parts)


def portions(real: Real, n_chunks: int) -> Iterator[tuple[list[Part], Floats]]:
    """As `copies`, some thousand chunks at a time and in the order they are made: a million need not be held."""
    parts: list[Part] = []
    n = 0
    for part in _first_parts(real, n_chunks):
        parts.append(part)
        n += len(part.chunks)
        if n >= _PORTION:
            yield parts, _vectors(real, parts)
            parts, n = [], 0
    if parts:
        yield parts, _vectors(real, parts)


def _first_parts(real: Real, n_chunks: int) -> Iterator[Part]:
    n = 0
    for part in _all_parts(real):
        if n == n_chunks:
            break
        cut = part if n + len(part.chunks) <= n_chunks else _first_of(part, n_chunks - n)
        n += len(cut.chunks)
        yield cut


def questions(real: Real, n: int) -> list[str]:
    """Some words of a sentence each, in their order, as people type them."""
    chance, texts = random.Random(7), real.texts
    found = []
    while len(found) < n:
        sentence = max(re.split(r"(?<=[.!?])\s+", chance.choice(texts)), key=len)
        words = re.findall(r"[\w'’-]+", sentence)
        if len(words) >= 6:
            begin = chance.randrange(len(words) - 5)
            found.append(" ".join(words[begin : begin + chance.randint(5, 12)]))
    return found


def _all_parts(real: Real) -> Iterator[Part]:
    words = sorted(set(_WORD.findall(" ".join(real.texts))))
    yield from (replace(part, doc_id=f"{part.doc_id}/0") for part in real.parts)
    number = 0
    while True:
        number += 1
        other = _exchange(words, number)
        for part in real.parts:
            yield _copy(part, number, other)


def _exchange(words: Sequence[str], number: int) -> dict[str, str]:
    """What some of the words are exchanged for in one copy."""
    chance = random.Random(number)
    by_length: dict[int, list[str]] = {}
    for word in words:
        by_length.setdefault(len(word), []).append(word)
    found = {}
    for word in words:
        draw = chance.random()
        if draw < _INVENTED:
            found[word] = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=len(word)))
        elif draw < _CHANGED:
            found[word] = chance.choice(by_length[len(word)])
    return found


def _copy(part: Part, number: int, other: dict[str, str]) -> Part:
    doc_id = f"{part.doc_id}/{number}"

    def said(text: str) -> str:
        return _WORD.sub(lambda match: other.get(match[0], match[0]), text)

    document = {**json.loads(part.document), "doc_id": doc_id}
    document["text"] = said(document["text"])
    chunks, texts = [], []
    for line in part.chunks:
        record = json.loads(line)
        record[0], record[1], record[6] = record[0].replace(part.doc_id, doc_id), doc_id, said(record[6])
        chunks.append(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        texts.append(record[6])
    packed = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    # Each its own: documents of one sketch would count as copies of each other.
    chance = np.random.default_rng([number, zlib.crc32(part.doc_id.encode())])
    sketch = chance.integers(1, 2**32, part.sketch.shape, np.uint32)
    return replace(part, doc_id=doc_id, document=packed, chunks=chunks, texts=texts, sketch=sketch)


def _first_of(part: Part, n: int) -> Part:
    return replace(part, chunks=part.chunks[:n], texts=part.texts[:n], rows=part.rows[:n])


def _vectors(real: Real, parts: Sequence[Part]) -> Floats:
    """The real vectors for the real documents, moved ones for the copies."""
    first = np.concatenate([[0], np.cumsum([len(part.texts) for part in real.parts])])
    places = {part.doc_id: int(at) for part, at in zip(real.parts, first, strict=False)}
    made = np.empty((sum(len(part.texts) for part in parts), real.vectors.shape[1]), np.float32)
    at = 0
    for part in parts:
        name, _, number = part.doc_id.rpartition("/")
        n, start = len(part.texts), places[name]
        own = real.vectors[start : start + n]
        if number != "0":
            chance = np.random.default_rng([int(number), start])
            one, other = chance.integers(0, len(real.vectors), (2, n))
            step = chance.uniform(_NEAREST, _FARTHEST, (n, 1)).astype(np.float32)
            own = own + step * (real.vectors[one] - real.vectors[other])
            own /= np.linalg.norm(own, axis=1, keepdims=True)
        made[at : at + n] = own
        at += n
    return made
