"""The command line of the server, shared by `python app.py` and `rag serve`."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from rag.errors import RagError
from rag.web.options import ServeOptions

__all__ = ["add_arguments", "main", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the server's options to a parser."""
    add = parser.add_argument
    add("--port", type=int, default=7860, help="port to listen on (default: %(default)s)")
    add("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    add("--index", default="index", help="index folder, made from seeds/ on first use")
    add("--data", type=Path, help="folder for uploads, feedback and saved conversations")
    add("--auth-file", type=Path, help="hashed passwords; needed with --host unless --no-auth")
    add("--no-auth", action="store_true", help="serve other machines without a password")
    add("--allowed-host", action="append", default=[], metavar="NAME", help="another name of this machine")
    add("--uploads", action=argparse.BooleanOptionalAction, help="let people add documents")
    add("--feedback", action="store_true", help="keep people's verdicts on answers, in the data folder")
    add("--save-history", action="store_true", help="keep conversations across restarts")
    add("--mcp", action="store_true", help="offer the answer as an MCP tool (needs insources[mcp])")
    careful = parser.add_mutually_exclusive_group()
    careful.add_argument("--min-confidence", type=float, default=None, help="answer only at this probability")
    careful.add_argument("--max-risk", type=float, default=None, help="accept this share of wrong answers")
    add("--add-user", nargs=2, metavar=("FILE", "NAME"), help="add a name to a password file, and stop")


def options_of(arguments: argparse.Namespace) -> ServeOptions:
    """The checked options of parsed arguments."""
    return ServeOptions(
        host=arguments.host,
        port=arguments.port,
        index=arguments.index,
        data=arguments.data,
        auth_file=arguments.auth_file,
        no_auth=arguments.no_auth,
        allowed_hosts=tuple(arguments.allowed_host),
        uploads=arguments.uploads,
        feedback=arguments.feedback,
        save_history=arguments.save_history,
        mcp=arguments.mcp,
        min_confidence=arguments.min_confidence,
        max_risk=arguments.max_risk,
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve the chat until interrupted.

    Returns:
        The exit status: 0, or 2 after an error that has been printed as one line.
    """
    try:
        if arguments.add_user:
            from rag.web.passwords import add_user

            file, name = arguments.add_user
            add_user(Path(file), name, getpass.getpass(f"password for {name}: "))
            print(f"{name} may log in; serve with --auth-file {file}")
            return 0
        options = options_of(arguments)
        from rag.web.launch import start

        print("loading the index and the models ...", file=sys.stderr, flush=True)
        server = start(options)
    except RagError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"ask your documents at {server.url}  (Ctrl-C stops)", flush=True)
    try:
        server.wait()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    finally:
        server.close()
    return 0


def main(argv: list[str] | None = None) -> int:
    """`python app.py`."""
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="Ask your own documents in the browser; answers are their own words.",
    )
    add_arguments(parser)
    return run(parser.parse_args(argv))
