"""An index that documents enter and leave answers as one that was built from nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hash_encoder import HashEncoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag import generations, segments
from rag.config import Config, IndexConfig
from rag.errors import IndexDamaged
from rag.index import Index, update_index
from rag.stores import ivf

WORDS = ["bridge", "harbour", "library", "mayor", "1932", "froze", "opened", "books", "river", "ships"]
QUERIES = [
    "the harbour froze",
    "mayor of the bridge and the river",
    "library books opened in 1932",
    "nothing",
]


@pytest.fixture
def many_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments as in a large index, though it is small; lists really searched; every file mapped."""
    monkeypatch.setattr(segments, "ONE_SEGMENT_BELOW", 0)
    monkeypatch.setattr(segments, "_SMALL", 0)
    monkeypatch.setattr(segments, "_RATIO", 1)
    monkeypatch.setattr(segments, "_MOST_DEAD", 0.6)
    monkeypatch.setattr(ivf, "EXACT_ROWS", 0)
    monkeypatch.setattr(generations, "MAPPED_FROM", 1)


def text_of(seed: int) -> str:
    chosen = np.random.default_rng(seed).choice(WORDS, 8)
    return f"The {' '.join(chosen[:4])} was here. A {' '.join(chosen[4:])} stood number {seed}.\n"


def mirror(folder: Path, held: dict[str, int]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, seed in held.items():
        (folder / f"{name}.txt").write_text(text_of(seed))


def found(index: Index, allowed: list[str] | None) -> list[tuple[str, float, float]]:
    """What each query finds, by words and by vector: texts and scores, whatever the order of the chunks."""
    encoder, mask = HashEncoder(), index.chunk_mask(allowed)
    rows: list[tuple[str, float, float]] = []
    for query in QUERIES:
        scores, places = index.words.search(query, 100, mask)
        assert scores.tolist() == index.words.scores(query, mask)[places].tolist()
        cosines, near = index.vectors.search(encoder.encode_query(query)[None], 5, mask)
        rows += sorted(
            (index.chunks[int(at)].text, float(s), 0.0) for s, at in zip(scores, places, strict=True)
        )
        # Of equal cosines at the edge either may be found.
        rows += [("", 0.0, round(float(s), 5)) for s in cosines[0]]
        for cosine, at in zip(cosines[0], near[0], strict=True):
            vector = encoder.encode_query(index.chunks[int(at)].text)
            assert abs(float(vector @ encoder.encode_query(query)) - cosine) < 1e-5
        rows.append(("ceiling", index.words.ceiling(query), 0.0))
    return rows


HELD = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 30), min_size=1, max_size=8)


@pytest.mark.usefixtures("many_segments")
@pytest.mark.parametrize("kind", ["flat", "ivf", "exact"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=st.lists(HELD, min_size=2, max_size=4))
def test_updates_find_what_a_new_build_finds(tmp_path: Path, kind: str, states: list[dict[str, int]]) -> None:
    config = Config(index=IndexConfig(kind=kind))
    folder, place, other = tmp_path / "texts", tmp_path / "index", tmp_path / "other"
    shutil.rmtree(place, ignore_errors=True)
    for held in states:
        mirror(folder, held)
        report = update_index([folder], place, config=config, encoder=HashEncoder())
        shutil.rmtree(other, ignore_errors=True)
        update_index([folder], other, config=config, encoder=HashEncoder())
        updated, built = Index.load(place), Index.load(other)
        assert report.n_documents == len(updated.documents) == len(held)
        assert len(updated.chunks) == len(updated.vectors) == len(updated.words) == report.n_chunks
        assert dict(updated.documents) == dict(built.documents)
        assert sorted(c.text for c in updated.chunks) == sorted(c.text for c in built.chunks)
        for at, chunk in enumerate(updated.chunks):
            assert list(updated.documents)[updated.chunk_documents[at]] == chunk.doc_id
            assert updated.chunks[at] == chunk
            assert at in updated.documents.rows(chunk.doc_id)
            vector = updated.vectors.vectors(np.array([at]))[0]
            np.testing.assert_allclose(vector, HashEncoder().encode_query(chunk.text), atol=1e-6)
        for allowed in (None, [f"{min(held)}.txt"], ["[a-d].txt", f"{max(held)}.txt"]):
            assert found(updated, allowed) == found(built, allowed)


def shared(place: Path, old: str, new: str) -> set[str]:
    """Files that two generations have in common on disk."""
    there = [path for path in (place / old).glob("s*") if (place / new / path.name).exists()]
    return {path.name for path in there if path.samefile(place / new / path.name)}


@pytest.mark.usefixtures("many_segments")
def test_what_stays_is_linked_and_not_written_again(tmp_path: Path) -> None:
    folder, place = tmp_path / "texts", tmp_path / "index"
    mirror(folder, dict(zip("abcdefgh", range(8), strict=True)))
    update_index([folder], place, config=Config(), encoder=HashEncoder())
    (folder / "new.txt").write_text(text_of(99))
    encoder = HashEncoder()
    report = update_index([folder], place, config=Config(), encoder=encoder)
    assert (report.added, report.removed, report.n_encoded) == (["new.txt"], [], len(encoder.encoded))
    files = {path.name for path in (place / "gen-000001").glob("s000001.*")}
    assert len(files) > 20
    assert shared(place, "gen-000001", "gen-000002") == files
    (folder / "b.txt").unlink()
    before = {path.name: path.stat().st_ino for path in (place / "gen-000002").iterdir()}
    update_index([folder], place, config=Config(), encoder=encoder)
    # The generation before is gone at once, because it held what was removed.
    kept = {
        path.name for path in (place / "gen-000003").iterdir() if path.stat().st_ino == before.get(path.name)
    }
    assert {"s000001.vectors.faiss", "s000001.words.chunks.npy", "s000001.chunks.firsts.npy"} < kept
    assert len(encoder.encoded) == report.n_encoded
    index = Index.load(place)
    assert [segment.name for segment in index.segments] == ["s000001", "s000002"]
    assert "b.txt" not in index.documents
    with pytest.raises(KeyError):
        index.documents["b.txt"]
    assert len(list(index.documents)) == len(index.documents) == 8


def use_all(index: Index) -> None:
    """Everything that an index is used for."""
    dict(index.documents)
    assert len(index.documents.facts) == len(index.documents.sketches())
    found(index, None)
    found(index, ["a.txt"])


@pytest.mark.usefixtures("many_segments")
def test_no_block_of_a_mapped_file_is_used_unchecked(tmp_path: Path) -> None:
    folder, place = tmp_path / "texts", tmp_path / "index"
    mirror(folder, dict(zip("abcdefgh", range(8), strict=True)))
    config = Config(index=IndexConfig(kind="ivf"))
    update_index([folder], place, config=config, encoder=HashEncoder())
    as_built = found(Index.load(place), None)
    files = [path for path in (place / "gen-000001").iterdir() if not path.name.endswith((".sums", ".json"))]
    assert len(files) > 15
    for path in files:
        good = path.read_bytes()
        if not good:
            continue
        for at in (0, len(good) // 2, len(good) - 1):
            bad = bytearray(good)
            bad[at] ^= 0x10
            path.write_bytes(bad)
            with pytest.raises(IndexDamaged, match=rf"{path.name}.*rebuild it with: rag index") as error:
                use_all(Index.load(place))
            assert "\n" not in str(error.value)
        path.write_bytes(good)
    assert found(Index.load(place), None) == as_built


def test_segments_stay_few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(segments, "ONE_SEGMENT_BELOW", 0)
    monkeypatch.setattr(segments, "_SMALL", 4)
    folder, place = tmp_path / "texts", tmp_path / "index"
    held: dict[str, int] = {}
    for n in range(30):
        held[f"n{n:02}"] = n
        mirror(folder, held)
        update_index([folder], place, config=Config(), encoder=HashEncoder())
    index = Index.load(place)
    assert len(index.documents) == 30
    assert len(index.segments) <= 3
    # Leaving one by one, the segments are written anew in time, and go when nothing is left of them.
    for name in list(held)[:-1]:
        del held[name]
        mirror(folder, held)
        update_index([folder], place, config=Config(), encoder=HashEncoder())
    index = Index.load(place)
    assert list(index.documents) == ["n29.txt"]
    assert len(index.segments) == 1
    assert len(index.segments[0].doc_ids) == 1


@pytest.mark.usefixtures("many_segments")
def test_what_left_is_in_no_file_though_its_segment_stays(tmp_path: Path) -> None:
    folder, place = tmp_path / "texts", tmp_path / "index"
    mirror(folder, dict(zip("abcdefgh", range(8), strict=True)))
    for name in ("aaa-secret.txt", "bb-secret.txt"):
        (folder / name).write_text(f"The xylophonist of {name} moved to Quixotenburg by the river.\n")
    update_index([folder], place, config=Config(), encoder=HashEncoder())
    before = Index.load(place)
    n_river = before.words.lookup("river", np.arange(len(before.chunks))).astype(bool).sum()
    for name in ("aaa-secret.txt", "bb-secret.txt"):
        (folder / name).unlink()
        update_index([folder], place, config=Config(), encoder=HashEncoder())
    index = Index.load(place)
    assert [segment.name for segment in index.segments] == ["s000001"]
    assert len(index.segments[0].doc_ids) == 10
    for path in place.rglob("*"):
        if path.is_file():
            data = path.read_bytes().lower()
            assert not any(word in data for word in (b"xylophon", b"quixotenburg", b"secret")), path.name
    assert index.words.lookup("river", np.arange(len(index.chunks))).astype(bool).sum() == n_river - 2
    assert not len(index.words.search("xylophonist of Quixotenburg", 5)[1])
    (folder / "aaa-secret.txt").write_text("The xylophonist came back.\n")
    update_index([folder], place, config=Config(), encoder=HashEncoder())
    again = Index.load(place)
    assert again.chunks[int(again.words.search("xylophonist", 5)[1][0])].doc_id == "aaa-secret.txt"
    assert again.documents["aaa-secret.txt"].text == "The xylophonist came back.\n"
