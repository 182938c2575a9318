"""Every vector store gives the scores of the exact one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.blobs import Blob, Buffer, block_sums
from rag.errors import ConfigError, IndexDamaged, IndexMismatch, ModelError, RagError
from rag.stores import ExactStore, FlatStore, IvfStore, VectorStore, ivf, kind_for, vector_store

STORES = [ExactStore, FlatStore, IvfStore]


def reopened(store: VectorStore) -> VectorStore:
    """A store through its files."""
    return type(store).from_files(joined(store.to_files()))


def joined(files: Mapping[str, Sequence[Buffer]]) -> dict[str, Buffer]:
    return {name: b"".join(parts) for name, parts in files.items()}


def unit(seed: int, n: int, dim: int) -> npt.NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@st.composite
def cases(draw: st.DrawFn):  # type: ignore[no-untyped-def]
    """Vectors with repeats, queries of any length, k and a filter."""
    seed, n, dim = draw(st.integers(0, 2**32)), draw(st.integers(1, 60)), draw(st.integers(1, 24))
    vectors = unit(seed, n, dim)
    if draw(st.booleans()):
        vectors[n // 2 :] = vectors[: n - n // 2]
    queries = unit(seed + 1, draw(st.integers(1, 4)), dim) * np.float32(draw(st.floats(1e-3, 1e3)))
    k = draw(st.integers(1, n + 5))
    kept = draw(st.none() | st.lists(st.booleans(), min_size=n, max_size=n))
    return vectors, queries, k, None if kept is None else np.array(kept)


@pytest.mark.parametrize("kind", STORES)
@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_scores_equal_the_slow_reference(kind: type[VectorStore], case) -> None:  # type: ignore[no-untyped-def]
    vectors, queries, k, allowed = case
    built = kind.build(vectors)
    rows = [i for i in range(len(vectors)) if allowed is None or allowed[i]]
    for store in (built, reopened(built)):
        scores, idx = store.search(queries, k, allowed)
        assert scores.dtype == np.float32
        assert idx.dtype == np.int64
        assert scores.shape == idx.shape == (len(queries), min(k, len(rows)))
        for query, found, places in zip(queries, scores, idx, strict=True):
            q = query.astype(np.float64) / np.linalg.norm(query.astype(np.float64))
            cosines = {i: float(q @ vectors[i].astype(np.float64)) for i in rows}
            best = sorted(cosines.values(), reverse=True)[: len(found)]
            np.testing.assert_allclose(found, best, atol=2e-6)
            # Each score belongs to the row beside it, no row comes twice, none is filtered out.
            np.testing.assert_allclose(found, [cosines[int(i)] for i in places], atol=2e-6)
            assert len(set(places.tolist())) == len(places)
            assert (np.diff(found) <= 0).all()


@pytest.mark.parametrize("kind", STORES)
def test_vectors_come_back_as_they_went_in(kind: type[VectorStore]) -> None:
    vectors = unit(1, 20, 8)
    store = reopened(kind.build(vectors))
    assert (len(store), store.dim) == (20, 8)
    np.testing.assert_array_equal(store.vectors(), vectors)
    np.testing.assert_array_equal(store.vectors(np.array([7, 3])), vectors[[7, 3]])


@pytest.mark.parametrize("kind", STORES)
def test_equal_scores_come_in_the_order_of_the_rows(kind: type[VectorStore]) -> None:
    store = kind.build(np.repeat(unit(1, 1, 4), 6, axis=0))
    assert store.search(unit(1, 1, 4), 6)[1].tolist() == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("kind", STORES)
def test_a_filter_that_allows_nothing_finds_nothing(kind: type[VectorStore]) -> None:
    scores, idx = kind.build(unit(1, 5, 4)).search(unit(2, 3, 4), 2, np.zeros(5, bool))
    assert scores.shape == idx.shape == (3, 0)


@pytest.mark.parametrize("kind", STORES)
def test_a_zero_query_scores_zero(kind: type[VectorStore]) -> None:
    scores, _ = kind.build(unit(1, 5, 4)).search(np.zeros((1, 4), np.float32), 5)
    assert scores.tolist() == [[0, 0, 0, 0, 0]]


@pytest.mark.parametrize("kind", STORES)
def test_huge_queries_are_normalised(kind: type[VectorStore]) -> None:
    scores, _ = kind.build(unit(1, 5, 4)).search(np.full((1, 4), 3e38, np.float32), 1)
    assert abs(scores[0, 0]) <= 1.000001


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize(
    ("query", "k", "allowed", "error", "message"),
    [
        (np.ones((1, 4), np.float32), 0, None, ConfigError, "k is 0; expected at least 1"),
        (np.ones((1, 5), np.float32), 1, None, ModelError, "dimension 5, the index 4"),
        (np.ones(4, np.float32), 1, None, ModelError, "1 axes; expected 2"),
        (np.full((1, 4), np.nan, np.float32), 1, None, ModelError, "NaN or infinity"),
        (np.full((1, 4), np.inf, np.float32), 1, None, ModelError, "NaN or infinity"),
        (np.ones((1, 4), np.float32), 1, np.ones(3, bool), ConfigError, r"expected bool of shape \(5,\)"),
        (np.ones((1, 4), np.float32), 1, np.ones(5), ConfigError, "float64"),
    ],
)
def test_bad_searches_are_refused(
    kind: type[VectorStore],
    query: npt.NDArray[np.float32],
    k: int,
    allowed: npt.NDArray[np.bool_] | None,
    error: type[RagError],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        kind.build(unit(1, 5, 4)).search(query, k, allowed)


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.full((2, 3), np.nan, np.float32), "row 0 holds NaN or infinity"),
        (np.ones((2, 3), np.float32), r"vector 0 has length 1\.7321; expected rows of length 1"),
        (np.zeros((2, 3), np.float32), r"length 0\.0000"),
        (np.zeros((0, 3), np.float32), "at least one row"),
        (np.ones(3, np.float32), "1 axes"),
    ],
)
def test_bad_vectors_are_refused(
    kind: type[VectorStore], vectors: npt.NDArray[np.float32], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        kind.build(vectors)


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("size", [0, 1, 30, 90])
def test_a_truncated_store_is_refused(kind: type[VectorStore], size: int) -> None:
    files = joined(kind.build(unit(1, 50, 8)).to_files())
    for name, data in files.items():
        with pytest.raises(IndexDamaged):
            kind.from_files({**files, name: data[:size]})
        with pytest.raises(IndexDamaged, match=f"{name} is missing"):
            kind.from_files({other: files[other] for other in files if other != name})


def test_another_kind_of_store_is_refused() -> None:
    assert vector_store("flat") is FlatStore
    with pytest.raises(IndexMismatch, match="'annoy'; this version knows exact, flat, ivf"):
        vector_store("annoy")
    import faiss

    hnsw = faiss.serialize_index(faiss.IndexHNSWFlat(4, 8)).tobytes()
    with pytest.raises(IndexDamaged, match=r"IndexHNSW.*expected an IndexFlatIP"):
        FlatStore.from_files({"vectors.faiss": hnsw})


def test_the_kind_follows_the_number_unless_it_is_said() -> None:
    assert [kind_for(n).kind for n in (1, 1_000, 1_000_000)] == ["flat", "flat", "ivf"]
    assert kind_for(5, "ivf") is IvfStore
    with pytest.raises(ConfigError, match="'annoy'; expected one of auto, flat, ivf, exact"):
        kind_for(5, "annoy")


class TestLists:
    """The store that looks into some lists only."""

    @pytest.fixture
    def vectors(self) -> npt.NDArray[np.float32]:
        """Four thousand vectors around a hundred and fifty subjects."""
        chance = np.random.default_rng(5)
        rows = unit(1, 150, 32)[chance.integers(0, 150, 4000)] + 0.12 * chance.standard_normal((4000, 32))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    @pytest.fixture
    def stores(
        self, vectors: npt.NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> list[VectorStore]:
        """One in memory, one mapped."""
        monkeypatch.setattr(ivf, "EXACT_ROWS", 20)
        monkeypatch.setattr(ivf, "N_PROBES", 24)
        built = IvfStore.build(vectors)
        files = {}
        for name, data in joined(built.to_files()).items():
            (tmp_path / name).write_bytes(data)
            descriptor = os.open(tmp_path / name, os.O_RDONLY)
            files[name] = Blob.mapped(descriptor, block_sums([data]), name)
            (tmp_path / name).unlink()  # as when a newer generation has taken its place
        return [built, IvfStore.from_files(files)]

    @pytest.mark.parametrize("share", [None, 0.5, 0.05, 0.004, 0.0])
    def test_finds_nearly_what_the_exact_one_finds(
        self, vectors: npt.NDArray[np.float32], stores: list[VectorStore], share: float | None
    ) -> None:
        allowed = None if share is None else np.random.default_rng(3).random(len(vectors)) < share
        exact = ExactStore.build(vectors)
        queries = vectors[::97] + 0.1 * unit(9, len(vectors[::97]), 32)
        _, expected = exact.search(queries, 10, allowed)
        for store in stores:
            scores, idx = store.search(queries, 10, allowed)
            assert idx.shape == expected.shape
            assert allowed is None or allowed[idx].all()
            cosines = [
                exact.cosines(q / np.linalg.norm(q), rows) for q, rows in zip(queries, idx, strict=True)
            ]
            np.testing.assert_allclose(scores, np.reshape(cosines, scores.shape), atol=2e-6)
            shares = [
                len(set(f) & set(e)) / max(1, len(e))
                for f, e in zip(idx.tolist(), expected.tolist(), strict=True)
            ]
            assert np.mean(shares) > 0.95 or expected.shape[1] == 0
        np.testing.assert_array_equal(stores[0].search(queries, 10, allowed)[1], idx)

    def test_finds_as_many_as_are_asked_for(self, stores: list[VectorStore]) -> None:
        for store in stores:
            for k in (1, 999, 4000, 5000):
                scores, idx = store.search(unit(4, 1, 32), k)
                assert len(set(idx[0].tolist())) == min(k, 4000)
                assert (np.diff(scores[0]) <= 0).all()

    def test_training_is_used_again(
        self, vectors: npt.NDArray[np.float32], stores: list[VectorStore]
    ) -> None:
        grown = np.concatenate([vectors, unit(8, 100, 32)])
        again = IvfStore.build(grown, stores[1])
        assert (
            joined(again.to_files())["vectors.centres.npy"]
            == joined(stores[0].to_files())["vectors.centres.npy"]
        )
        assert again.search(grown[-3:], 1)[1][:, 0].tolist() == [4097, 4098, 4099]

    def test_says_what_it_is(self, stores: list[VectorStore]) -> None:
        about = stores[0].describe()
        assert (about["kind"], about["n_lists"], about["code"]) == ("ivf", 256, "QT_8bit")

    @pytest.mark.parametrize(
        "name", ["vectors.sizes.npy", "vectors.centres.npy", "vectors.lists", "vectors.npy"]
    )
    def test_files_of_another_store_are_refused(self, stores: list[VectorStore], name: str) -> None:
        other = joined(IvfStore.build(unit(1, 500, 32)).to_files())
        with pytest.raises(IndexDamaged, match="don't fit together"):
            IvfStore.from_files({**joined(stores[0].to_files()), name: other[name]})
