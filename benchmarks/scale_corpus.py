"""Corpora of any size out of some thousand real chunks, for `benchmarks.scale`.

Each copy of the real documents has a fifth of its words exchanged for others of the same length, some of
them words that occur nowhere else; offsets stay true, so that answers can be cited. Its vectors are
those of the real chunks moved along the difference of two other real ones, which keeps them where
vectors of text lie. Copies are therefore about as far from each other as different articles of the same
subjects are.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rag.assembly import Part, read_part
from rag.config import Config
from rag.corpus import find_files, read_file
from rag.encoder import Encoder

Floats = npt.NDArray[np.float32]

_WORD = re.compile(r"\b[A-Za-z]{4,}\b")
_CHANGED, _INVENTED = 0.2, 0.02
_NEAREST, _FARTHEST = 0.3, 0.7


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
    """The first documents of a folder that have so many chunks together, encoded.

    Args:
        folder: with text files.
        n_chunks: how many at least, where the folder holds them.
        encoder: of the vectors.
        cache: a file to keep the vectors in.
    """
    parts: list[Part] = []
    config, n = Config(), 0
    for source in find_files([folder]).files:
        text, sha256 = read_file(source)
        parts.append(read_part(source.doc_id, text, sha256, config, encoder))
        n += len(parts[-1].texts)
        if n >= n_chunks:
            break
    texts = [text for part in parts for text in part.texts]
    key = hashlib.sha256("\0".join([encoder.encoder_id, *texts]).encode()).hexdigest()
    kept = cache / f"real-{key[:16]}.npy" if cache else None
    if kept and kept.exists():
        return Real(tuple(parts), np.load(kept))
    vectors = encoder.encode_document(texts)
    if kept:
        np.save(kept, vectors)
    return Real(tuple(parts), vectors)


def copies(real: Real, n_chunks: int) -> tuple[list[Part], Floats]:
    """So many chunks: the real ones first, then copies of them with other words and vectors."""
    parts: list[Part] = []
    n = 0
    for part in _all_parts(real):
        if n == n_chunks:
            break
        parts.append(part if n + len(part.chunks) <= n_chunks else _first_of(part, n_chunks - n))
        n += len(parts[-1].chunks)
    parts.sort(key=lambda part: part.doc_id)
    return parts, _vectors(real, parts)


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
    sketch = np.random.default_rng(number).integers(1, 2**32, part.sketch.shape, np.uint32)
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
