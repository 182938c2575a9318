"""`python app.py`: the web chat on this machine. Everything it does is in `rag.web`."""

from __future__ import annotations

import sys

from rag.web.command import main

if __name__ == "__main__":
    sys.exit(main())
