"""One contract for everything that can keep an index: ids and scores as the exact reference has them.

The reference is an index in memory that compares with every vector and sums all postings. Each store is
compared before and after it is opened again, with and without a filter, and after documents have come,
changed and gone.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hash_encoder import HashEncoder
from keepers import Keeper, every_keeper

from rag.config import Config, IndexConfig
from rag.errors import ConfigError, IndexMismatch, ModelError
from rag.filters import Filter
from rag.index import Index
from rag.retriever import Retriever

WORDS = (
    "harbour bridge tide mayor winter ship library river stone storm bell market tower garden council train "
    "glass paper letter road"
).split()
QUESTIONS = (
    "When did the harbour freeze in winter?",
    "Who opened the bridge over the river, the mayor or the council?",
    "storm",
    "¿Dónde está la biblioteca del puerto?",
    "zymurgy",
    "the of and",
    "O'Brien's co-operation cost 1,000",
)
Texts = dict[str, str]


def written(seed: int, n: int = 24) -> Texts:
    """Documents of one to eight sentences; every fifth is in Spanish, two say the same."""
    chance = random.Random(seed)

    def sentence() -> str:
        return (
            f"The {' '.join(chance.choices(WORDS, k=chance.randint(5, 12)))} of {chance.randint(1900, 1999)}."
        )

    texts = {}
    for number in range(n):
        if number % 5:
            said = " ".join(sentence() for _ in range(chance.randint(1, 8)))
        else:
            said = (
                f"La biblioteca del puerto está abierta desde el año {1900 + number} para todos los vecinos."
            )
        texts[f"part {number % 3}/{number:02d}.txt"] = f"{said}\n"
    texts["part 1/copy.txt"] = texts["part 1/01.txt"]
    texts["O'Brien's 100%_[1].txt"] = "Mr O'Brien's co-operation cost 1,000 pounds in the storm of 1931.\n"
    return texts


def put(folder: Path, texts: Mapping[str, str]) -> None:
    """Make a folder hold these files and no others."""
    for path in list(folder.rglob("*.txt")):
        path.unlink()
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def reference(texts: Texts) -> Index:
    return Index.from_texts(texts, config=Config(index=IndexConfig("exact")), encoder=HashEncoder())


def ids(index: Any, places: Sequence[int]) -> list[str]:
    return [index.chunks[int(place)].chunk_id for place in places]


def by_id(index: Index, scores: npt.NDArray[np.float32]) -> dict[str, float]:
    return dict(zip(ids(index, range(len(index.chunks))), map(float, scores), strict=True))


def agree(store: Any, texts: Texts, where: Any = None) -> None:
    """The store finds what the reference finds, with its scores."""
    exact, encoder = reference(texts), HashEncoder()
    assert len(store.chunks) == len(store.vectors) == len(store.words) == len(exact.chunks)
    assert sorted(store.documents) == sorted(exact.documents)
    mask, allowed = exact.chunk_mask(where), store.chunk_mask(where)
    assert (None if mask is None else int(mask.sum())) == (None if allowed is None else int(allowed.sum()))
    inside = mask if mask is not None else np.ones(len(exact.chunks), np.bool_)
    for question in QUESTIONS:
        query = encoder.encode_query(question) * np.float32(3.7)
        cosines = by_id(exact, exact.vectors.vectors() @ encoder.encode_query(question))
        raw = by_id(exact, exact.words.scores(question))
        for k in (1, 5, 1000):
            scores, places = store.vectors.search(query[None, :], k, allowed)
            expected = np.sort([cosines[i] for i in ids(exact, np.flatnonzero(inside))])[::-1][:k]
            np.testing.assert_allclose(scores[0], expected, atol=2e-6)
            found = ids(store, places[0])
            np.testing.assert_allclose(scores[0], [cosines[i] for i in found], atol=2e-6)
            assert len(set(found)) == len(found)
            assert {store.chunks[int(p)].doc_id for p in places[0]} <= doc_ids(exact, inside)

            scores, places = store.words.search(question, k, allowed)
            held = [raw[i] for i in ids(exact, np.flatnonzero(inside)) if raw[i] > 0]
            np.testing.assert_allclose(scores, np.sort(held)[::-1][:k], atol=1e-6)
            np.testing.assert_allclose(scores, [raw[i] for i in ids(store, places)], atol=1e-6)
        _, everything = store.vectors.search(query[None, :], len(store.chunks), None)
        np.testing.assert_allclose(
            store.words.lookup(question, everything[0]),
            [raw[i] for i in ids(store, everything[0])],
            atol=1e-6,
        )
        assert store.words.weights(question) == exact.words.weights(question)
        assert store.words.ceiling(question) == exact.words.ceiling(question)
        hits, best = (
            Retriever(one, encoder).retrieve(question, 5, documents=where) for one in (store, exact)
        )
        assert [hit.chunk for hit in hits] == [hit.chunk for hit in best]
        np.testing.assert_allclose([hit.score for hit in hits], [hit.score for hit in best], atol=2e-6)


def doc_ids(index: Index, inside: npt.NDArray[np.bool_]) -> set[str]:
    return {index.chunks[int(place)].doc_id for place in np.flatnonzero(inside)}


@every_keeper
def test_ids_and_scores_are_the_reference_s(keeper: Keeper, tmp_path: Path) -> None:
    folder, texts = tmp_path / "texts", written(1)
    put(folder, texts)
    assert keeper.mirror(folder, tmp_path, HashEncoder()).n_chunks == len(reference(texts).chunks)
    agree(keeper.open(tmp_path), texts)
    agree(keeper.open(tmp_path), texts)


@every_keeper
@pytest.mark.parametrize(
    "where",
    [
        ["part 1/*"],
        ["0*.txt", "copy.txt"],
        ["part 0/00.txt"],
        ["O'Brien's 100%_[[]1].txt"],
        Filter.of(language="es"),
        Filter.of(["part*"]),
    ],
    ids=str,
)
def test_filters_work_inside_the_search(keeper: Keeper, tmp_path: Path, where: Any) -> None:
    folder, texts = tmp_path / "texts", written(2)
    put(folder, texts)
    keeper.mirror(folder, tmp_path, HashEncoder())
    agree(keeper.open(tmp_path), texts, where)


@every_keeper
def test_documents_come_change_and_go(keeper: Keeper, tmp_path: Path) -> None:
    folder, texts = tmp_path / "texts", written(3)
    put(folder, texts)
    keeper.mirror(folder, tmp_path, HashEncoder())
    chance = random.Random(3)
    for step in range(3):
        names = sorted(name for name in texts if texts[name] != texts.get("part 1/01.txt"))
        gone, changed, moved = chance.sample(names, 3)
        del texts[gone]
        texts[changed] = texts[changed] + f"The bell of {changed} rang in the storm of {1800 + step}.\n"
        texts[f"part 2/new {step}.txt"] = f"A new bridge was opened by the mayor in {1950 + step}.\n"
        texts[f"moved {step}.txt"] = texts.pop(moved)
        put(folder, texts)
        encoder = HashEncoder()
        report = keeper.mirror(folder, tmp_path, encoder)
        assert report.changed == [changed]
        assert report.removed == [gone]
        assert len(report.unchanged) == len(texts) - 3
        # Only what is new was encoded.
        assert len(encoder.encoded) == report.n_encoded < 8
        store = keeper.open(tmp_path)
        agree(store, texts)
        agree(store, texts, ["part 2/*", "moved*"])
        for doc_id, text in texts.items():
            assert store.documents[doc_id].text == text
        assert gone not in store.documents
        with pytest.raises(KeyError):
            store.documents[gone]


@every_keeper
def test_nothing_is_written_where_nothing_changed(keeper: Keeper, tmp_path: Path) -> None:
    folder, texts = tmp_path / "texts", written(4, 6)
    put(folder, texts)
    first, encoder = keeper.mirror(folder, tmp_path, HashEncoder()), HashEncoder()
    generation = keeper.open(tmp_path).generation
    again = keeper.mirror(folder, tmp_path, encoder)
    assert (first.written, again.written, encoder.encoded) == (True, False, [])
    assert (again.n_documents, again.n_chunks) == (first.n_documents, first.n_chunks)
    assert keeper.open(tmp_path).generation == generation


@every_keeper
def test_an_index_that_is_open_stays_as_it_was(keeper: Keeper, tmp_path: Path) -> None:
    folder, before = tmp_path / "texts", written(5, 8)
    put(folder, before)
    keeper.mirror(folder, tmp_path, HashEncoder())
    opened = keeper.open(tmp_path)
    after = {**written(6, 8), "part 9/new.txt": "The market was moved to the tower in 1977.\n"}
    put(folder, after)
    keeper.mirror(folder, tmp_path, HashEncoder())
    agree(opened, before)
    agree(keeper.open(tmp_path), after)


@every_keeper
def test_what_can_t_be_asked_is_refused(keeper: Keeper, tmp_path: Path) -> None:
    folder, texts = tmp_path / "texts", written(7, 6)
    put(folder, texts)
    keeper.mirror(folder, tmp_path, HashEncoder())
    store = keeper.open(tmp_path)
    query = np.ones((1, 16), np.float32)
    with pytest.raises(ConfigError, match="k is 0"):
        store.vectors.search(query, 0)
    with pytest.raises(ConfigError, match="k is 0"):
        store.words.search("storm", 0)
    with pytest.raises(ModelError, match=r"rag index PATH"):
        store.vectors.search(np.ones((1, 17), np.float32), 3)
    with pytest.raises(ModelError, match="finite"):
        store.vectors.search(query * np.nan, 3)
    with pytest.raises(ConfigError, match="no document matches"):
        store.chunk_mask(["nothing*"])
    with pytest.raises(IndexMismatch, match=r"'hash sha256:0 dim:16'.*'another'"):
        store.check_encoder("another")
    scores, places = store.vectors.search(query * 0, 3)
    assert scores.tolist() == [[0, 0, 0]]
    assert len(set(places[0].tolist())) == 3
