"""How long `rag index` takes over ten thousand small files: the first time, with nothing changed, with little changed.

    python -m benchmarks.mirror [--files 10000] [--copies 0.1]

The vectors come from an encoder that costs next to nothing (it adds up a fixed random vector a word), so
that what is measured is everything but the encoding: finding, reading, cutting, sketching, writing. With the
bundled encoder the first run would be some minutes longer, the others would not. On an idle machine it all
takes about twelve seconds. Files of this benchmark are
made with times in the past, as files of a real folder mostly are; see `rag/seen.py` for what is read twice.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rag.config import Config
from rag.index import Index, IndexReport, update_index

DIM = 64


class CheapEncoder:
    """A text's vector is the sum of its words' own random vectors, made to length 1."""

    encoder_id = f"benchmark words dim:{DIM}"
    dim = DIM
    max_tokens = 256

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) + 2 for text in texts]

    def encode_document(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> npt.NDArray[np.float32]:
        if progress is not None:
            progress(len(texts))
        return np.stack([self.encode_query(text) for text in texts])

    def encode_query(self, text: str) -> npt.NDArray[np.float32]:
        total = np.sum([word_vector(word) for word in text.lower().split() or [""]], axis=0)
        return (total / np.linalg.norm(total)).astype(np.float32)


@lru_cache(maxsize=100_000)
def word_vector(word: str) -> npt.NDArray[np.float64]:
    """The same for the same word on every machine."""
    return np.random.default_rng(zlib.crc32(word.encode())).standard_normal(DIM)


def make_files(folder: Path, n: int, share_of_copies: float) -> None:
    """Files of two to four sentences in a hundred folders; some are copies of earlier ones with a word changed."""
    chance = random.Random(11)
    endings = [f"{vowel}{rest}" for vowel in "aeiou" for rest in ("ck", "ll", "nd", "rt", "ss")]
    words = [f"{start}{ending}" for start in ("bar", "lin", "mor", "tes") for ending in endings]
    made: list[str] = []
    for number in range(n):
        if made and chance.random() < share_of_copies:
            text = chance.choice(made).replace(" was ", " is ", 1)
        else:
            sentences = [
                f"The {' '.join(chance.choices(words, k=12))} was {chance.choice(words)} in {1500 + number % 500}."
                for _ in range(chance.randint(2, 4))
            ]
            text = " ".join(sentences) + "\n"
        made.append(text)
        path = folder / f"{number % 100:02}" / f"note-{number:05}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1.7e9 + number, 1.7e9 + number))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--copies", type=float, default=0.1, help="share of the files that are near copies")
    args = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="insources-mirror-"))
    try:
        measure(root / "files", root / "index", args.files, args.copies)
    finally:
        shutil.rmtree(root)


def measure(folder: Path, place: Path, n_files: int, share_of_copies: float) -> None:
    """Print a line a run."""
    make_files(folder, n_files, share_of_copies)
    time.sleep(2.1)  # a file written within the last two seconds would be read once more
    encoder = CheapEncoder()

    def run(what: str, **options: bool) -> IndexReport:
        started = time.process_time()
        report = update_index([folder], place, config=Config(), encoder=encoder, **options)
        cpu = time.process_time() - started
        print(f"| {what} | {report.seconds:.1f} | {cpu:.1f} | {report.n_encoded} |", flush=True)
        return report

    print(f"| {n_files} files | seconds | of them on the CPU | chunks encoded |\n|---|---|---|---|")
    report = run("first run")
    groups = set(Index.load(place).copies.values())
    run("nothing changed")
    run("nothing changed, every file read (--check)", check=True)
    moved = folder / "moved"
    (folder / "07").rename(moved)
    run("a folder of a hundred files renamed")
    (moved / "note-00007.txt").unlink()
    (folder / "one more.txt").write_text("A new harbour was built in 2024 by the town of Eastwick.\n")
    run("one file removed, one added")
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    print(
        f"\n{report.n_chunks} chunks; {len(groups)} groups of near copies; the index has {size / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    main()
