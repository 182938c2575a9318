"""Finds out what kind of evaluation file a path is, and loads it."""

from __future__ import annotations

from pathlib import Path

from rag.errors import DatasetError
from rag.evaluation.beir_files import load_beir
from rag.evaluation.own_questions import load_questions
from rag.evaluation.question_sets import QuestionSet, RankingSet
from rag.evaluation.squad_files import load_squad

__all__ = ["load_dataset", "own_seed_questions"]


def own_seed_questions() -> Path:
    """The project's own questions over `seeds/`, which come with the package."""
    return Path(__file__).parent / "questions" / "seeds.jsonl"


def load_dataset(path: str | Path, split: str = "test") -> QuestionSet | RankingSet:
    """Loads any evaluation data that `rag eval` understands.

    A folder or `.zip` is BEIR, `.csv` and `.jsonl` are questions of one's own, anything else is SQuAD.

    Args:
        path: file or folder.
        split: of a BEIR set.

    Raises:
        DatasetError: no such path, or malformed, with file, place and field.
    """
    path = Path(path)
    if not path.exists():
        raise DatasetError(
            f"{path}: no such file or folder; expected a SQuAD .json or .json.gz, a BEIR folder or .zip, "
            "or questions as .csv or .jsonl"
        )
    suffix = path.suffix.lower()
    if path.is_dir() or suffix == ".zip":
        return load_beir(path, split)
    if suffix in (".csv", ".jsonl"):
        return load_questions(path)
    return load_squad(path)
