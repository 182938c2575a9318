"""`python -m rag.training`."""

import sys

from rag.training.cli import main

if __name__ == "__main__":
    sys.exit(main())
