"""Ingest shard by shard: what a shard is, where finished ones are kept, and a cluster that is none."""

from __future__ import annotations

import importlib.util
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hash_encoder import HashEncoder
from keepers import needs_lance

import rag.cluster_ingest
from rag.assembly import Part
from rag.cli import main
from rag.cluster import Done, check_cluster
from rag.cluster_ingest import ClusterPreparing, preparing_on, staging_of
from rag.cluster_worker import Worker, describe_work, pack_task, raise_told
from rag.config import ChunkConfig, Config, EncoderConfig
from rag.corpus import SourceFile, find_files
from rag.errors import (
    ClusterUnavailable,
    ConfigError,
    IndexBusy,
    IndexDamaged,
    IndexWriteError,
    ModelError,
    OptionalDependencyError,
    RagError,
    SourceError,
)
from rag.index import IndexReport
from rag.ingest import make_shard
from rag.ingest_manifest import Manifest
from rag.ingest_plan import ShardPlan, plan_shards
from rag.ingest_records import pack_shard, unpack_shard
from rag.opening import mirror, open_index
from rag.prepared import Prepare, prepare_here
from rag.seen import Seen
from rag.stores.base import Floats
from rag.stores.exact import ExactStore

WORK = Config(), "hash sha256:0 dim:16"


def write_many(folder: Path, n: int = 120) -> None:
    folder.mkdir(exist_ok=True)
    for place in range(n):
        (folder / f"{place:03}.txt").write_text(
            f"The harbour of town {place} was built in {1500 + place}. It holds {place * 7} ships in summer.\n"
        )


def files_of(folder: Path) -> list[SourceFile]:
    return find_files([folder]).files


def plans_of(folder: Path) -> list[ShardPlan]:
    return plan_shards(files_of(folder), *WORK)


def age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no file have been written a moment ago."""
    monkeypatch.setattr("rag.seen.time.time_ns", lambda: int((time.time() + 3600) * 1e9))


def same(one: Part, other: Part) -> bool:
    names = ("doc_id", "sha256", "document", "chunks", "texts", "language", "facts")
    return all(getattr(one, name) == getattr(other, name) for name in names) and np.array_equal(
        one.sketch, other.sketch
    )


class TestShard:
    def test_a_bad_file_stops_no_other(self, folder: Path, encoder: HashEncoder) -> None:
        (folder / "bad.txt").write_bytes(b"caf\xe9 au lait")
        (folder / "empty.txt").write_bytes(b"")
        shard = make_shard(files_of(folder), Config(), encoder)
        assert [part.doc_id for part in shard.texts.parts] == ["bridge.txt", "deep/library.md", "harbour.txt"]
        assert [name for name, _ in shard.texts.failed] == ["bad.txt", "empty.txt"]
        assert shard.texts.failed[1] == ("empty.txt", "empty (0 bytes); expected text")
        assert shard.vectors.shape == (3, 16)
        assert shard.n_encoded == 3

    def test_of_nothing_but_bad_files(self, tmp_path: Path, encoder: HashEncoder) -> None:
        (tmp_path / "bad.txt").write_bytes(b"caf\xe9 au lait")
        shard = make_shard(files_of(tmp_path), Config(), encoder)
        assert (shard.texts.parts, shard.vectors.shape, shard.n_encoded) == ([], (0, 16), 0)
        assert unpack_shard(pack_shard(shard)).texts.failed == shard.texts.failed

    def test_comes_back_from_its_bytes(self, folder: Path, encoder: HashEncoder) -> None:
        (folder / "none.txt").write_bytes(b"")
        (folder / "kyiv.txt").write_text("Київ — столиця України. 東京は日本の首都です。 It’s “quoted”.\n")
        shard = make_shard(files_of(folder), Config(), encoder)
        again = unpack_shard(pack_shard(shard))
        assert all(map(same, shard.texts.parts, again.texts.parts))
        assert [part.rows for part in again.texts.parts] == [[-1] * len(p.texts) for p in shard.texts.parts]
        assert (again.texts.failed, again.n_encoded) == (shard.texts.failed, shard.n_encoded)
        np.testing.assert_array_equal(again.vectors, shard.vectors)
        assert again.vectors.dtype == np.float32

    def test_bytes_that_are_none_are_refused(self, folder: Path, encoder: HashEncoder) -> None:
        data = pack_shard(make_shard(files_of(folder), Config(), encoder))
        head, _, body = data.partition(b"\n")
        other = json.loads(head) | {"format": "insources shard 9"}
        for bad in (b"", b"{}\n", b"[]\n", data[:-1], data + b"x", json.dumps(other).encode() + b"\n" + body):
            with pytest.raises(IndexDamaged):
                unpack_shard(bad)

    def test_known_vectors_are_taken(self, folder: Path, encoder: HashEncoder) -> None:
        first = make_shard(files_of(folder), Config(), encoder)
        texts = [text for part in first.texts.parts for text in part.texts]
        known, before = {texts[1]: 0}, ExactStore(first.vectors[1:2])
        fresh = HashEncoder()
        again = make_shard(files_of(folder), Config(), fresh, known=known, before=before)
        assert again.n_encoded == len(fresh.encoded) == 2
        np.testing.assert_array_equal(again.vectors, first.vectors)


class TestPlan:
    def test_every_file_is_in_one_shard_and_the_same_one_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_many(tmp_path / "many", 200)
        age(monkeypatch)
        plans = plans_of(tmp_path / "many")
        assert [f for plan in plans for f in plan.files] == files_of(tmp_path / "many")
        assert len(plans) == len({plan.key for plan in plans}) > 2
        assert plans == plans_of(tmp_path / "many")

    def test_a_file_that_comes_changes_or_goes_touches_one_shard_or_two(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "many"
        write_many(folder, 300)
        age(monkeypatch)
        before = {plan.key for plan in plans_of(folder)}
        (folder / "150a.txt").write_text("The tower was built in 1801.\n")
        came = {plan.key for plan in plans_of(folder)}
        (folder / "020.txt").write_text("The tower was built in 1802.\n")
        changed = {plan.key for plan in plans_of(folder)}
        (folder / "250.txt").unlink()
        gone = {plan.key for plan in plans_of(folder)}
        assert 1 <= len(came - before) <= 2
        assert len(changed - came) == 1
        assert 1 <= len(gone - changed) <= 2

    def test_what_was_written_a_moment_ago_is_told_by_its_bytes(self, folder: Path) -> None:
        path = folder / "bridge.txt"
        before, times = plans_of(folder)[0].key, path.stat()
        path.write_text(path.read_text().replace("1932", "1933"))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert plans_of(folder)[0].key != before

    def test_other_settings_another_encoder_other_code_are_other_shards(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        files = files_of(folder)
        keys = {plan_shards(files, *WORK)[0].key, plan_shards(files, Config(), "other")[0].key}
        keys.add(plan_shards(files, Config(chunk=ChunkConfig(max_tokens=77)), WORK[1])[0].key)
        monkeypatch.setattr("rag.ingest_plan.code_digest", lambda: "other")
        keys.add(plan_shards(files, *WORK)[0].key)
        assert len(keys) == 4

    def test_large_files_make_small_shards(self, tmp_path: Path) -> None:
        for n in range(6):
            (tmp_path / f"{n}.txt").write_bytes(b"A sentence of a book. " * 10_000)
        assert max(len(plan.files) for plan in plans_of(tmp_path)) <= 2


class TestManifest:
    @pytest.fixture
    def shard(self, folder: Path, encoder: HashEncoder) -> bytes:
        return pack_shard(make_shard(files_of(folder), Config(), encoder))

    def test_what_is_finished_is_known_again(self, tmp_path: Path, shard: bytes) -> None:
        place = tmp_path / "staging"
        with Manifest(place, ["a", "b"]) as manifest:
            assert not manifest.finished
            assert manifest.add("a", shard).n_chunks == 3
            manifest.add("a", b"another answer to the same, which is not looked at")
        with Manifest(place, ["a", "b"]) as manifest:
            assert list(manifest.finished) == ["a"]
            assert len(manifest.read("a").texts.parts) == 3
            manifest.add("b", shard)
        with Manifest(place, ["b"]) as manifest:
            assert list(manifest.finished) == ["b"]
            manifest.remove()
        assert not place.exists()

    @pytest.mark.parametrize(
        "harm",
        [
            lambda place: next(place.glob("b*.shard")).unlink(),
            lambda place: next(place.glob("b*.shard")).write_bytes(b"nothing"),
            lambda place: os.truncate(
                place / "manifest.jsonl", (place / "manifest.jsonl").stat().st_size - 1
            ),
            lambda place: os.truncate(
                place / "manifest.jsonl", (place / "manifest.jsonl").stat().st_size - 40
            ),
        ],
    )
    def test_what_a_crash_left_is_done_anew(
        self, tmp_path: Path, shard: bytes, harm: Callable[[Path], None]
    ) -> None:
        with Manifest(tmp_path, "ab") as manifest:
            manifest.add("a", shard)
            manifest.add("b", shard)
        (tmp_path / "c.tmp").write_bytes(shard[:100])
        harm(tmp_path)
        for _ in range(2):
            with Manifest(tmp_path, "ab") as manifest:
                assert "a" in manifest.finished
                manifest.add("b", shard)
                assert len(manifest.read("b").texts.parts) == 3
            assert not list(tmp_path.glob("*.tmp"))

    def test_damage_in_between_is_told(self, tmp_path: Path, shard: bytes) -> None:
        with Manifest(tmp_path, "a") as manifest:
            manifest.add("a", shard)
            next(tmp_path.glob("*.shard")).write_bytes(b"nothing")
            with pytest.raises(IndexDamaged, match="missing or damaged; index again"):
                manifest.read("a")
            with pytest.raises(IndexDamaged):
                manifest.add("b", b"no shard")

    def test_one_process_at_a_time(self, tmp_path: Path) -> None:
        with Manifest(tmp_path, []), pytest.raises(IndexBusy, match="another process is indexing"):
            Manifest(tmp_path, [])
        Manifest(tmp_path, []).close()

    def test_a_place_that_can_t_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(IndexWriteError, match=r"file/staging.*--staging"):
            Manifest(tmp_path / "file" / "staging", [])


class TestWorker:
    def work(self, folder: Path, **other: object) -> str:
        return json.dumps(json.loads(describe_work(*WORK, [str(folder)])) | other)

    def do(self, folder: Path, **other: object) -> tuple[bytes, str]:
        task = pack_task(plans_of(folder)[0], {}, np.empty((0, 16), np.float32))
        return Worker(self.work(folder, **other), lambda config: HashEncoder()).do(task)

    def test_does_what_one_process_does(self, folder: Path, encoder: HashEncoder) -> None:
        (folder / "bad.txt").write_bytes(b"caf\xe9 au lait")
        data, wrong = self.do(folder)
        assert (data, wrong) == (pack_shard(make_shard(files_of(folder), Config(), encoder)), "")

    def test_a_machine_that_differs_says_so(self, folder: Path) -> None:
        for other, kind, message in (
            ({"version": "0.0"}, ConfigError, r"install the same version on every machine"),
            ({"code": "0"}, ConfigError, r"with other code than the one that indexes"),
            ({"roots": ["/nowhere/at/all"]}, SourceError, r"does not see '/nowhere/at/all'; .*mount them"),
            ({"encoder_id": "other"}, ModelError, r"has the encoder 'hash sha256:0 dim:16', .*'other'"),
        ):
            data, wrong = self.do(folder, **other)
            assert data == b""
            with pytest.raises(kind, match=message):
                raise_told(wrong)

    def test_a_missing_package_there_is_told_here(self) -> None:
        with pytest.raises(RagError, match="install it"):
            raise_told(json.dumps(["OptionalDependencyError", "the package 'x' ...; install it with: pip"]))


@dataclass
class Fake:
    """A cluster that does its work in this process, each answer twice, the last shard first."""

    dies_after: int = 10**9
    done: list[str] = field(default_factory=list)
    encoder: HashEncoder = field(default_factory=HashEncoder)

    @contextmanager
    def connected(self, address: str, n_workers: int | None = None) -> Iterator[Fake]:
        yield self

    def run(
        self, tasks: Iterable[tuple[str, bytes]], work: str, open_encoder: Callable[[EncoderConfig], object]
    ) -> Iterator[Done]:
        worker = Worker(work, lambda config: self.encoder)
        for n, (key, task) in enumerate(reversed(list(tasks))):
            if n >= self.dies_after:
                raise ClusterUnavailable("the cluster is gone")
            data, wrong = worker.do(task)
            if wrong:
                raise_told(wrong)
            self.done.append(key)
            yield Done(key, data)
            yield Done(key, data)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(rag.cluster_ingest, "connected", made.connected)
    monkeypatch.setattr(rag.cluster_ingest, "MOST_HERE", 0)
    return made


def prepared(
    prepare: Prepare, folder: Path
) -> tuple[IndexReport, list[tuple[Part, Floats]], list[tuple[int, int]]]:
    """What is prepared for an index that was not there, by doc_id, and the progress that was told."""
    report = IndexReport()
    told: list[tuple[int, int]] = []
    found = []
    with prepare(
        files_of(folder), None, *(Config(), HashEncoder()), report, lambda *n: told.append(n), Seen(Path())
    ) as ready:
        for parts, vectors in ready.batches():
            first = 0
            for part in parts:
                found.append((part, vectors[first : first + len(part.texts)]))
                first += len(part.texts)
        assert ready.doc_ids == {part.doc_id for part, _ in found}
        ready.done()
    return report, sorted(found, key=lambda one: one[0].doc_id), told


class TestPreparing:
    def preparing(self, folder: Path, tmp_path: Path) -> ClusterPreparing:
        return ClusterPreparing("auto", (str(folder),), tmp_path / "staging")

    def test_is_what_one_process_prepares(self, tmp_path: Path, fake: Fake) -> None:
        folder = tmp_path / "many"
        write_many(folder)
        (folder / "bad.txt").write_bytes(b"caf\xe9 au lait")
        there, shards, told = prepared(self.preparing(folder, tmp_path), folder)
        here, wanted, _ = prepared(prepare_here, folder)
        assert there == here
        assert len(shards) == len(wanted) == 120
        for (one, vectors), (other, expected) in zip(shards, wanted, strict=True):
            assert same(one, other)
            np.testing.assert_array_equal(vectors, expected)
        assert told[0] == (0, 121)
        assert told[-1] == (121, 121)
        assert told == sorted(told)
        assert not (tmp_path / "staging").exists()

    def test_goes_on_from_what_is_finished(
        self, tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "many"
        write_many(folder)
        age(monkeypatch)
        fake.dies_after = 1
        with pytest.raises(ClusterUnavailable):
            prepared(self.preparing(folder, tmp_path), folder)
        first = list(fake.done)
        fake.dies_after = 10**9
        report, shards, told = prepared(self.preparing(folder, tmp_path), folder)
        assert len(first) == 1
        assert len(fake.done) == len(set(fake.done)) == len(plans_of(folder))
        assert report.n_resumed > 0
        assert report.n_resumed + report.n_encoded == sum(len(part.texts) for part, _ in shards) == 120
        assert told[0][0] > 0

    def test_without_anything_to_do_no_cluster_is_asked(
        self, tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "many"
        write_many(folder, 20)
        age(monkeypatch)
        preparing = self.preparing(folder, tmp_path)
        with preparing(files_of(folder), None, Config(), HashEncoder(), IndexReport(), None, Seen(Path())):
            pass  # killed before it was written
        monkeypatch.setattr(rag.cluster_ingest, "connected", None)
        report, shards, _ = prepared(preparing, folder)
        assert (len(shards), report.n_resumed, report.n_encoded) == (20, 20, 0)

    def test_for_a_little_no_cluster_is_asked(self, folder: Path, tmp_path: Path) -> None:
        (folder / "bad.txt").write_bytes(b"caf\xe9 au lait")
        there, shards, told = prepared(self.preparing(folder, tmp_path), folder)
        here, wanted, _ = prepared(prepare_here, folder)
        assert there == here
        assert [part.doc_id for part, _ in shards] == [part.doc_id for part, _ in wanted]
        assert told == [(0, 4), (4, 4)]

    def test_nothing_but_bad_files_leaves_the_index(self, tmp_path: Path, fake: Fake) -> None:
        folder = tmp_path / "bad"
        folder.mkdir()
        (folder / "bad.txt").write_bytes(b"caf\xe9 au lait")
        with pytest.raises(SourceError, match=r"no file could be indexed: bad\.txt"):
            prepared(self.preparing(folder, tmp_path), folder)

    @needs_lance
    def test_an_index_mirrors_what_comes_changes_moves_and_goes(self, tmp_path: Path, fake: Fake) -> None:
        folder, uri = tmp_path / "many", f"lance://{tmp_path / 'lance'}"
        write_many(folder, 60)

        def update() -> IndexReport:
            fake.done.clear()
            fake.encoder.encoded.clear()
            preparing = ClusterPreparing("auto", (str(folder),), staging_of(uri))
            return mirror([folder], uri, config=Config(), encoder=HashEncoder(), prepare=preparing)

        assert len(update().added) == 60
        again = update()
        assert (again.written, len(again.unchanged), fake.done) == (False, 60, [])
        (folder / "new.txt").write_text("The tower of the new district was built in 1801.\n")
        changed = folder / "007.txt"
        changed.write_text(
            changed.read_text() + "\n\n" + "It was deepened in 1950 by the guild of masons. " * 12
        )
        (folder / "011.txt").unlink()
        (folder / "013.txt").rename(folder / "moved.txt")
        (folder / "bad.txt").write_bytes(b"caf\xe9 au lait")
        report = update()
        assert (report.added, report.changed) == (["new.txt"], ["007.txt"])
        assert (report.removed, report.moved) == (["011.txt"], [("013.txt", "moved.txt")])
        assert [name for name, _ in report.failed] == ["bad.txt"]
        assert len(fake.encoder.encoded) == report.n_encoded
        one = f"lance://{tmp_path / 'one'}"
        mirror([folder], one, config=Config(), encoder=HashEncoder())
        there, here = open_index(uri), open_index(one)
        assert list(there.documents) == list(here.documents)
        assert len(there.chunks) == len(here.chunks) == report.n_chunks
        for doc_id in here.documents:
            assert there.documents.records(doc_id) == here.documents.records(doc_id)
        query = HashEncoder().encode_query("The tower of the new district")
        np.testing.assert_allclose(
            there.vectors.search(query[None, :], 9)[0], here.vectors.search(query[None, :], 9)[0], atol=1e-6
        )


class TestErrors:
    def test_without_the_extra_its_install_line_is_named(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(OptionalDependencyError, match=r'pip install "insources\[cluster\]"'):
            check_cluster("auto")
        assert main(["index", str(folder), "--index", "lance://x", "--ray", "auto"]) == 2
        assert 'pip install "insources[cluster]"' in capsys.readouterr().err

    @pytest.mark.parametrize(
        "address", ["", "somewhere", "host:port", "http://host:80", "host:1234567", "ray://host:1"]
    )
    def test_an_address_that_is_none(self, address: str) -> None:
        with pytest.raises(ConfigError, match=r"expected auto .*, local .* HOST:PORT of its head") as told:
            check_cluster(address)
        assert ("client" in str(told.value)) == ("ray://" in address)

    def test_nobody_listens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
        for address in ("127.0.0.1:1", "localhost:1", "[::1]:1", "127.0.0.1:99999"):
            with pytest.raises(ClusterUnavailable, match=r"no Ray cluster at .*ray start --head"):
                check_cluster(address)

    def test_an_index_in_a_folder_is_made_by_one_process(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
        with pytest.raises(ConfigError, match=r"is in a folder.*lance://FOLDER.*milvus://"):
            preparing_on("auto", [folder], str(tmp_path / "index"))
        preparing = ClusterPreparing("auto", (str(folder),), tmp_path / "staging")
        with pytest.raises(ConfigError, match=r"is in a folder"):
            mirror([folder], tmp_path / "index", config=Config(), encoder=HashEncoder(), prepare=preparing)
        assert not (tmp_path / "index").exists()

    def test_what_does_not_go_together(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for arguments, said in (
            (["--ray", "auto", "--watch"], "--watch and --ray"),
            (["--workers", "2"], "--ray"),
            (["--staging", "x"], "--ray"),
        ):
            assert main(["index", str(folder), "--index", "lance://x", *arguments]) == 2
            assert said in capsys.readouterr().err

    def test_where_shards_wait(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        places = {staging_of(name) for name in ("lance://s3://a/b", "lance://s3://a/c", "milvus://host/c")}
        assert {place.parent for place in places} == {tmp_path / "insources.shards"}
        assert len(places) == 3

    def test_ray_is_loaded_by_nobody_else(self) -> None:
        import subprocess
        import sys

        code = (
            "import sys, rag.cli, rag.cluster, rag.cluster_ingest, rag.cluster_worker, rag.opening\n"
            "print([n for n in sys.modules if n.split('.')[0] in ('ray', 'pyarrow', 'pandas', 'grpc')])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"
