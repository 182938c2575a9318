"""A chat that is running answers from the newest state of its index."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pytest

from rag.calibrating import save
from rag.config import Config
from rag.encoder import load_encoder
from rag.errors import IndexDamaged, ModelError
from rag.index import update_index
from rag.pipeline import Pipeline
from rag.web.following import Follower
from rag.web.library import Library, rebuild
from rag.web.service import PipelineLike, Service

BRIDGE = "The bridge over the river was opened in 1932 by Mary Adams.\n"
HARBOUR = "The harbour froze in the winter of 1947, and ships waited outside.\n"


@pytest.fixture
def pipelines() -> list[Pipeline]:
    return [Pipeline.from_texts({"bridge.txt": BRIDGE}), Pipeline.from_texts({"harbour.txt": HARBOUR})]


def test_the_newest_is_asked(pipelines: list[Pipeline]) -> None:
    held: list[PipelineLike] = [pipelines[0]]
    service = Service(held[0])
    follower = Follower(service, lambda: held[0])
    assert not follower.look()
    held[0] = pipelines[1]
    assert follower.look()
    assert service.pipeline is pipelines[1]
    assert not follower.look()


def test_what_can_not_be_opened_is_told_once_and_the_one_before_goes_on(
    pipelines: list[Pipeline], caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> PipelineLike:
        raise IndexDamaged("a file is missing")

    service = Service(pipelines[0])
    follower = Follower(service, broken)
    with caplog.at_level(logging.WARNING):
        assert [follower.look(), follower.look()] == [False, False]
    assert service.pipeline is pipelines[0]
    assert [record.getMessage() for record in caplog.records] == [
        "the newer index is not used: a file is missing"
    ]


def test_with_documents_that_people_added(pipelines: list[Pipeline], tmp_path: Path) -> None:
    made: list[set[str]] = []

    def make(documents: Path, index: Path, progress: object) -> tuple[PipelineLike, list[tuple[str, str]]]:
        texts = {p.relative_to(documents).as_posix(): p.read_text() for p in documents.rglob("*.txt")}
        made.append(set(texts))
        return Pipeline.from_texts(texts), []

    uploads = tmp_path / "uploads"
    uploads.mkdir()
    service = Service(pipelines[0])
    library = Library(tmp_path / "library", service, uploads, [".txt"], make)
    follower = Follower(service, lambda: pipelines[1], library)
    (uploads / "mine.txt").write_text("The library holds forty thousand books.\n")
    assert [result.key for result in library.add([str(uploads / "mine.txt")], lambda n, total: None)] == [
        "result_ok"
    ]
    assert made == [{"bridge.txt", "added/mine.txt"}]
    assert follower.look()
    assert made[1] == {"harbour.txt", "added/mine.txt"}
    assert set(service.pipeline.index.documents) == made[1]
    assert not follower.look()


def test_the_models_are_not_loaded_again(tmp_path: Path) -> None:
    """`ask` and the server open a newer generation with the encoder and the reader they have."""
    from rag.asking import open_pipeline

    folder, place = tmp_path / "texts", tmp_path / "index"
    folder.mkdir()
    (folder / "bridge.txt").write_text(BRIDGE)
    config = Config()
    encoder = load_encoder(config.encoder)
    update_index([folder], place, config=config, encoder=encoder)
    before = open_pipeline(place)
    assert open_pipeline(place) is before
    (folder / "harbour.txt").write_text(HARBOUR)
    update_index([folder], place, config=config, encoder=encoder)
    after = open_pipeline(place)
    assert after is not before
    assert after.reader is before.reader
    assert after.ask("When did the harbour freeze?").found
    assert not before.ask("When did the harbour freeze?").found


@pytest.fixture
def bridge(tmp_path: Path) -> Path:
    """An index of one text."""
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "bridge.txt").write_text(BRIDGE)
    config = Config()
    update_index(
        [tmp_path / "texts"], tmp_path / "index", config=config, encoder=load_encoder(config.encoder)
    )
    return tmp_path / "index"


def calibrate(index: Path, threshold: float) -> None:
    """Leave with the index what `rag calibrate` would: as here only the threshold tells that it was."""
    from rag.asking import open_pipeline

    calibration = open_pipeline(index).calibration
    save(dataclasses.replace(calibration, threshold=threshold), index / "calibration.json")


def test_a_new_calibration_is_taken_up_without_loading_anything_again(bridge: Path) -> None:
    from rag.asking import ask, open_pipeline

    question = "When was the bridge opened?"
    assert ask(question, index=bridge).found
    before = open_pipeline(bridge)
    calibrate(bridge, 1.0)
    refused = ask(question, index=bridge)
    assert not refused.found
    assert "threshold 1.00" in str(refused.reason)
    after = open_pipeline(bridge)
    assert after.reader is before.reader
    assert after.index is before.index
    (bridge / "calibration.json").write_text("{}")
    with pytest.raises(ModelError, match="calibration"):
        ask(question, index=bridge)
    (bridge / "calibration.json").unlink()
    assert ask(question, index=bridge).found
    assert open_pipeline(bridge).reader is before.reader


def test_a_new_calibration_holds_for_added_documents_too(bridge: Path, tmp_path: Path) -> None:
    from rag.asking import open_pipeline

    def served() -> tuple[Service, Library]:
        service = Service(open_pipeline(bridge))
        return service, Library(tmp_path / "library", service, uploads, [".txt"], rebuild)

    uploads = tmp_path / "uploads"
    uploads.mkdir()
    (uploads / "harbour.txt").write_text(HARBOUR)
    question = "When did the harbour freeze?"
    service, library = served()
    follower = Follower(service, lambda: open_pipeline(bridge), library)
    library.add([str(uploads / "harbour.txt")], lambda n, total: None)
    assert service.answer(question)[0].found
    calibrate(bridge, 1.0)
    assert follower.look()
    assert "threshold 1.00" in str(service.answer(question)[0].reason)
    (bridge / "calibration.json").unlink()
    service, _ = served()  # the server is started again
    assert service.answer(question)[0].found
