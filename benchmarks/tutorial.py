"""This project beside the code that tutorials give, with the same weights.

The tutorial's code encodes with sentence-transformers on torch, keeps vectors in FAISS's IndexFlatIP and
reads with transformers' question-answering pipeline. That pipeline left transformers with version 5, so
`--python` names an environment with an older one; a second baseline reads as careful people do now, all
passages in one padded batch. Passages, encoder and reader are the same; the project's own run in int8.
FAISS and bm25s alone, with nothing read, are floors. This project keeps vectors of quotes that earlier questions
were compared with; a row of its own says what it takes without.

    python -m venv OLD && OLD/bin/pip install torch==2.13.0 transformers==4.57.6 \\
        sentence-transformers==5.1.2 faiss-cpu==1.15.1 numpy==2.4.6
    python -m benchmarks.tutorial --weights FOLDER [--python OLD/bin/python] [--more FOLDER]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.beside import System, add_arguments, run
from rag.errors import RagError


def systems(python: str | None) -> list[System]:
    """Ours first, then the baselines."""
    found = [System("insources", "insources_pipeline")]
    name = "insources, nothing kept of other questions"
    found.append(System(name, "insources_pipeline", settings={"remembered": 0}, shares="insources"))
    if python:
        names = [f"tutorial: question-answering pipeline, {k} read" for k in (8, 3)]
        for name, k, shares in zip(names, (8, 3), (None, names[0]), strict=True):
            found.append(System(name, "by_hand", python, {"way": "pipeline", "k": k}, shares))
    found.append(System("careful: one padded batch, torch", "by_hand", settings={"way": "batch"}))
    found.append(System("FAISS alone, our encoder", "faiss_alone"))
    found.append(System("bm25s alone", "bm25s_alone"))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tutorial",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument("--python", default=None, help="of the environment with transformers 4")
    args = parser.parse_args(argv)
    try:
        print(run(args, systems(args.python), "tutorial"))
    except RagError as error:
        print(f"tutorial: {error}", file=sys.stderr)
        return 2
    if not args.python:
        print("\nThe question-answering pipeline itself was left out: no --python with transformers 4.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
