"""This project beside txtai and Haystack, with the same encoder, reader weights and passages.

Both run in an environment of their own, which `--python` names. Haystack's reader gets no token types
from its own code; txtai's raises where the model says "no answer", which counts as none. Both are run as
they come, but for the models.

    python -m venv PEERS && PEERS/bin/pip install torch==2.13.0 txtai haystack-ai \\
        transformers-haystack sentence-transformers-haystack
    python -m benchmarks.peers --weights FOLDER --python PEERS/bin/python [--more FOLDER]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.beside import System, add_arguments, run
from rag.errors import RagError

PEERS = {
    "txtai": System("txtai: its RAG pipeline, 3 passages joined", "with_txtai", settings={"k": 3}),
    "haystack": System("Haystack: its ExtractiveReader", "with_haystack"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument("--python", required=True, help="of the environment that has them")
    parser.add_argument("--only", choices=PEERS, nargs="+", default=list(PEERS))
    args = parser.parse_args(argv)
    systems = [System("insources", "insources_pipeline")]
    systems += [replace(PEERS[name], python=args.python) for name in args.only]
    try:
        print(run(args, systems, "peers"))
    except RagError as error:
        print(f"peers: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
