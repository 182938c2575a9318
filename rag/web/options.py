"""What a person can choose about the server, checked before anything is loaded."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from rag.config import DecideConfig
from rag.errors import ConfigError
from rag.locations import is_shared

__all__ = ["LIMITS", "Limits", "ServeOptions", "default_data_dir", "is_loopback"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request, one client and one conversation may ask for.

    Attributes:
        question: characters of a question.
        body: bytes of any request but an upload.
        upload: bytes of one upload request.
        file: bytes of one uploaded file.
        files: uploaded documents kept in all.
        free_disk: bytes that must stay free for an upload to be taken.
        waiting: bytes of uploads that may lie about before they are added.
        waiting_seconds: how long an upload that nobody adds lies about.
        turns: exchanges kept in one conversation; older ones leave.
        conversations: conversations kept in memory.
        idle_seconds: how long a conversation that nobody goes on with is kept in memory.
        queue: questions that may wait.
        workers: questions answered at the same time.
        connections: requests open at the same time, waiting ones included.
        body_seconds: time a client has to send a request's body.
    """

    question: int = 2_000
    body: int = 256_000
    upload: int = 200_000_000
    file: int = 20_000_000
    files: int = 500
    free_disk: int = 500_000_000
    waiting: int = 1_000_000_000
    waiting_seconds: int = 3_600
    turns: int = 100
    conversations: int = 200
    idle_seconds: float = 86_400.0
    queue: int = 32
    workers: int = 2
    connections: int = 400
    body_seconds: float = 30.0


LIMITS = Limits()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def default_data_dir() -> Path:
    """Where uploads and, if switched on, feedback and conversations are kept."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "insources"


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Settings of `rag serve` and `python app.py`.

    Attributes:
        host: address to listen on; anything but loopback needs `auth_file` or `no_auth`.
        port: TCP port.
        index: the index folder, or a URI such as `lance://FOLDER` or `milvus://HOST/COLLECTION`.
        data: folder for uploads, temporary files, feedback and saved conversations.
        auth_file: names with hashed passwords, see `rag.web.passwords`.
        no_auth: serve other machines without a password, on purpose.
        allowed_hosts: names under which other machines reach this one (the Host header).
        uploads: whether people may add documents; None means only on loopback.
        feedback: keep what people say about answers in `data`/feedback.jsonl.
        save_history: keep conversations in `data`/conversations across restarts.
        mcp: offer the `ask` tool by MCP as well.
        rate: requests a second that one client may send in the long run.
        burst: requests that one client may send at once.
        min_confidence, max_risk: how careful to be, one of them, as in `DecideConfig`.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    index: str = "index"
    data: Path | None = None
    auth_file: Path | None = None
    no_auth: bool = False
    allowed_hosts: tuple[str, ...] = ()
    uploads: bool | None = None
    feedback: bool = False
    save_history: bool = False
    mcp: bool = False
    rate: float = 20.0
    burst: int = 100
    min_confidence: float | None = None
    max_risk: float | None = None

    def __post_init__(self) -> None:
        DecideConfig(self.min_confidence, self.max_risk)
        if not 1 <= self.port <= 65535:
            raise ConfigError(f"--port is {self.port}; expected 1 to 65535")
        if self.auth_file and self.no_auth:
            raise ConfigError("--auth-file and --no-auth are both given; expected one of them")
        if self.uploads and is_shared(self.index):
            raise ConfigError(
                f"--uploads with the index {self.index!r}: documents can't be added to it through the page; add them "
                "with: rag index PATH..., or serve the index of a folder"
            )
        if not self.local and not self.auth_file and not self.no_auth:
            raise ConfigError(
                f"--host {self.host} lets other machines in; give --auth-file FILE (make one with "
                "`python app.py --add-user FILE NAME`), or --no-auth if everybody may read the documents"
            )

    @property
    def local(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    @property
    def uploads_on(self) -> bool:
        """Whether people may add documents."""
        if is_shared(self.index):  # many servers read it: none may change it for all
            return False
        return self.local if self.uploads is None else self.uploads

    @property
    def decide(self) -> DecideConfig:
        """How careful to be."""
        return DecideConfig(self.min_confidence, self.max_risk)

    @property
    def data_dir(self) -> Path:
        """The data folder in use."""
        return self.data if self.data is not None else default_data_dir()
