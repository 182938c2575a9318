"""Search in some of many lists, then exactly among what was found: the store for large indexes.

Vectors are grouped around centres (spherical k-means); a question looks into the lists of the centres
nearest to it, where each vector lies as one byte a number (Jégou, Douze & Schmid 2011, PAMI, inverted
lists; FAISS's QT_8bit), and the best of these are scored again from the float32 vectors. So a score
is always exact, and only which chunks are found is approximate. Lists and vectors stay in their files,
mapped; FAISS parses nothing from disk, it is given centres, scales and list lengths as checked arrays.

New vectors go into a store of their own (`rag.stores.parts`) until it is worth writing the lists anew;
the centres are kept then, unless the number of vectors has changed much.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rag.blobs import Blob, Buffer
from rag.errors import IndexDamaged
from rag.stores.arrays import Column, as_buffer, pack_array, unpack_array
from rag.stores.base import Bools, Floats, Ints, VectorStore, dot
from rag.stores.flat import one_thread

__all__ = ["IvfStore"]

# Lists that a question looks into, and how many of what is found there are scored again for each result
# asked for; by measurement: benchmarks/README.md, "From a thousand chunks to a million".
N_PROBES = 128
SHORT_LIST = 4
SHORT_LIST_LEAST = 200

# A filter that allows no more than this is searched exactly, and so is whatever finds too little.
EXACT_ROWS = 4096

# Vectors for each centre in the training; rows at a time where all are gone through.
_SAMPLE = 48
_ROUNDS = 8
_STEP = 1 << 15

_FILES: dict[str, tuple[str, type[np.generic], int]] = {
    "vectors": ("vectors.npy", np.float32, 2),
    "centres": ("vectors.centres.npy", np.float32, 2),
    "sizes": ("vectors.sizes.npy", np.int64, 1),
    "scales": ("vectors.scales.npy", np.float32, 2),
}
_LISTS = "vectors.lists"
_ID = 8


def n_lists_for(n: int) -> int:
    """About four times the root, a power of two; 1 for few vectors.

    >>> n_lists_for(100_000), n_lists_for(1_000_000)
    (1024, 4096)
    """
    return 1 << max(0, round(np.log2(4 * n**0.5 / 1.2)) if n >= 256 else 0)


class IvfStore(VectorStore):
    """`faiss.IndexIVFScalarQuantizer` over lists in a file, scored again exactly.

    Args:
        vectors: float32, (n, dim).
        centres: float32, (n_lists, dim).
        sizes: int64, (n_lists,), vectors in each list.
        scales: float32, (2, dim), least value and range of each number of a vector.
        lists: for each list the codes, one byte a number, then the rows as int64.
    """

    kind = "ivf"

    def __init__(self, vectors: Column, centres: Floats, sizes: Ints, scales: Floats, lists: Blob) -> None:
        self._vectors = vectors
        self._centres = centres
        self._sizes = sizes
        self._scales = scales
        self._lists = lists
        self._ends = np.cumsum(sizes) * (self.dim + _ID)
        self._lock = threading.Lock()
        self._opened: Any = None
        self._kept: Any = None

    @property
    def dim(self) -> int:
        return int(self._vectors.shape[1])

    def __len__(self) -> int:
        return len(self._vectors)

    def vectors(self, rows: Ints | None = None) -> Floats:
        return self._vectors.all() if rows is None else self._vectors.take(rows)

    def describe(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "n_lists": len(self._centres),
            "n_probes": N_PROBES,
            "code": "QT_8bit",
            "short_list": max(SHORT_LIST_LEAST, SHORT_LIST),
        }

    def to_files(self) -> dict[str, list[Buffer]]:
        arrays: list[npt.NDArray[Any]] = [self._vectors.all(), self._centres, self._sizes, self._scales]
        packed = {
            name: pack_array(array) for (name, _, _), array in zip(_FILES.values(), arrays, strict=True)
        }
        return {**packed, _LISTS: [self._lists.checked()]}

    @classmethod
    def from_files(cls, files: Mapping[str, Blob | Buffer]) -> Self:
        missing = [name for name in (*(name for name, _, _ in _FILES.values()), _LISTS) if name not in files]
        if missing:
            raise IndexDamaged(f"{missing[0]} is missing")
        found = {
            what: unpack_array(files[name], f"the {what}", dtype, ndim)
            for what, (name, dtype, ndim) in _FILES.items()
        }
        vectors, lists = found["vectors"], Blob.of(files[_LISTS])
        centres, sizes, scales = (found[what].all() for what in ("centres", "sizes", "scales"))
        n, dim = vectors.shape
        fits = (
            n > 0
            and dim > 0
            and scales.shape == (2, dim)
            and centres.shape == (len(sizes), dim)
            and len(sizes) > 0
            and bool((sizes >= 0).all() and (sizes <= n).all())
            and int(sizes.sum()) == n
            and len(lists) == n * (dim + _ID)
        )
        if not fits:
            raise IndexDamaged("the vectors, their lists and centres don't fit together")
        return cls(vectors, centres, sizes, scales, lists)

    @classmethod
    def _build(cls, vectors: Floats, like: VectorStore | None) -> Self:
        import faiss

        n, dim = vectors.shape
        n_lists = n_lists_for(n)
        if (
            isinstance(like, IvfStore)
            and like.dim == dim
            and n_lists / 2 <= len(like._centres) <= n_lists * 2
        ):
            centres, scales = like._centres, like._scales
        else:
            centres, scales = _train(vectors, n_lists)
        quantizer, coder = faiss.IndexFlatIP(dim), _coder(scales)
        quantizer.add(centres)
        lists = np.empty(n * (dim + _ID), np.uint8)
        of_row = np.empty(n, np.int64)
        codes = np.empty((n, dim), np.uint8)
        for begin in range(0, n, _STEP):
            rows = slice(begin, begin + _STEP)
            of_row[rows] = quantizer.search(vectors[rows], 1)[1][:, 0]
            codes[rows] = coder.compute_codes(vectors[rows])
        order = np.argsort(of_row, kind="stable")
        sizes = np.bincount(of_row, minlength=len(centres)).astype(np.int64)
        at = first = 0
        for size in sizes.tolist():
            inside = order[first : first + size]
            lists[at : at + size * dim] = codes[inside].reshape(-1)
            lists[at + size * dim : at + size * (dim + _ID)] = inside.astype("<i8").view(np.uint8)
            first, at = first + size, at + size * (dim + _ID)
        return cls(Column(vectors), centres, sizes, scales, Blob(as_buffer(lists)))

    def _search(self, queries: Floats, m: int, allowed: Bools | None) -> tuple[Floats, Ints]:
        n = len(self) if allowed is None else int(np.count_nonzero(allowed))
        if n <= max(EXACT_ROWS, m):
            rows = _all_rows(len(self), allowed)
            found = [self._exactly(query, m, rows) for query in queries]
        else:
            with one_thread():
                found = [self._near(query, m, n, allowed) for query in queries]
        return np.stack([scores for scores, _ in found]), np.stack([idx for _, idx in found])

    def _near(self, query: Floats, m: int, n: int, allowed: Bools | None) -> tuple[Floats, Ints]:
        """The best of the lists around a query; of all `n` rows where these hold too few."""
        import faiss

        # The fewer rows may be found, the more lists it takes; looking past a row costs little.
        n_probes = min(len(self._centres), -(-N_PROBES * len(self) // n))
        likeness = dot(self._centres, query)
        probes = np.argpartition(-likeness, n_probes - 1)[:n_probes].astype(np.int64)
        ends = self._ends[probes]
        starts = ends - self._sizes[probes] * (self.dim + _ID)
        held = starts < ends
        self._lists.check_all(starts[held], ends[held])
        params = faiss.SearchParametersIVF(nprobe=n_probes)  # type: ignore[call-arg]
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            params.sel = selector = faiss.IDSelectorBitmap(len(bits) * 8, faiss.swig_ptr(bits))
        n_short = max(SHORT_LIST_LEAST, SHORT_LIST * m)
        scores, idx = np.empty((1, n_short), np.float32), np.empty((1, n_short), np.int64)
        near = np.ascontiguousarray(likeness[probes])
        self._open().search_preassigned_c(
            1,
            faiss.swig_ptr(query),
            n_short,
            faiss.swig_ptr(probes),
            faiss.swig_ptr(near),
            faiss.swig_ptr(scores),
            faiss.swig_ptr(idx),
            False,
            params,
        )
        found = np.sort(idx[idx >= 0])
        if allowed is not None:
            del selector
        return self._exactly(query, m, found if len(found) >= m else _all_rows(len(self), allowed))

    def _exactly(self, query: Floats, m: int, rows: Ints) -> tuple[Floats, Ints]:
        """The `m` best of some rows."""
        scores = np.concatenate(
            [dot(self._vectors.take(rows[at : at + _STEP]), query) for at in range(0, len(rows), _STEP)]
        )
        best = np.argpartition(-scores, m - 1)[:m] if m < len(rows) else np.arange(len(rows))
        # Of equal scores at the edge the first rows are taken.
        edge = scores[best].min()
        above, equal = np.flatnonzero(scores > edge), np.flatnonzero(scores == edge)
        best = np.concatenate([above, equal[: m - len(above)]])
        return scores[best], rows[best]

    def _open(self) -> Any:
        """FAISS's view of the lists, made at the first search."""
        import faiss

        with self._lock:
            if self._opened is None:
                n_lists, dim = self._centres.shape
                sizes = self._sizes.astype(np.uint64)
                path = self._lists.path
                lists: Any
                if path is None:
                    lists = faiss.ArrayInvertedLists(n_lists, dim)
                    self._fill(lists)
                else:
                    lists = faiss.OnDiskInvertedLists(n_lists, dim, path)
                    lists.read_only = True
                    lists.totsize = len(self._lists)
                    lists.set_all_lists_sizes(faiss.swig_ptr(sizes))
                    lists.do_mmap()
                quantizer = faiss.IndexFlatIP(dim)
                index = faiss.IndexIVFScalarQuantizer(
                    quantizer, dim, n_lists, _QT, faiss.METRIC_INNER_PRODUCT, False
                )
                coder = _coder(self._scales)
                index.sq, index.is_trained, index.ntotal = coder, True, len(self)
                index.replace_invlists(lists, False)
                self._kept = (quantizer, lists, coder)
                self._opened = index
            return self._opened

    def _fill(self, lists: Any) -> None:
        """Copy lists that are in memory."""
        import faiss

        data = np.frombuffer(self._lists.unchecked, np.uint8)
        for number, (end, size) in enumerate(zip(self._ends.tolist(), self._sizes.tolist(), strict=True)):
            part = data[end - size * (self.dim + _ID) : end]
            codes, ids = part[: size * self.dim].copy(), part[size * self.dim :].copy().view(np.int64)
            if size:
                lists.add_entries(number, size, faiss.swig_ptr(ids), faiss.swig_ptr(codes))


_QT = 0  # faiss.ScalarQuantizer.QT_8bit


def _all_rows(n: int, allowed: Bools | None) -> Ints:
    return np.arange(n) if allowed is None else np.flatnonzero(allowed)


def _coder(scales: Floats) -> Any:
    import faiss

    coder = faiss.ScalarQuantizer(scales.shape[1], _QT)
    faiss.copy_array_to_vector(np.ascontiguousarray(scales).reshape(-1), coder.trained)
    return coder


def _train(vectors: Floats, n_lists: int) -> tuple[Floats, Floats]:
    """Centres of a sample of the vectors, and the range of each number over all of them."""
    import faiss

    n, dim = vectors.shape
    chosen = np.sort(np.random.default_rng(0).permutation(n)[: n_lists * _SAMPLE])
    sample = np.ascontiguousarray(vectors[chosen])
    if n_lists == 1:
        centres: Floats = sample.mean(axis=0, keepdims=True).astype(np.float32)
    else:
        means = faiss.Kmeans(dim, n_lists, niter=_ROUNDS, spherical=True, seed=1, min_points_per_centroid=1)
        means.train(sample)
        centres = np.asarray(means.centroids, np.float32)
    least, most = vectors.min(axis=0), vectors.max(axis=0)
    return centres, np.stack([least, np.maximum(most - least, np.float32(1e-9))]).astype(np.float32)
