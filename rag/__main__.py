"""`python -m rag`: the same as the command `rag`."""

import sys

from rag.cli import main

sys.exit(main())
