"""Starting the server with every switch where it has to be.

Gradio's defaults suit a demo on somebody else's computer; these suit a person's own documents.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import shutil
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rag.errors import ConfigError, OptionalDependencyError
from rag.web.following import Follower
from rag.web.library import Library, Rebuild, rebuild
from rag.web.options import LIMITS, Limits, ServeOptions, is_loopback
from rag.web.service import PipelineLike, Service
from rag.web.sweep import Sweeper

__all__ = ["Server", "prepare_environment", "start"]

log = logging.getLogger("rag.web")


@dataclass
class Server:
    """A running server.

    Attributes:
        url: where to open it.
        service: answers its questions; assign `service.pipeline` to change the index.
        demo: the Gradio app.
        temporary: its private folder, removed when it closes.
        closed: set when it stops.
    """

    url: str
    service: Service
    demo: Any
    temporary: Path
    closed: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        """Block until `close` or an interrupt."""
        while not self.closed.wait(3600):
            pass

    def close(self) -> None:
        """Stop serving and remove temporary files."""
        self.closed.set()
        self.demo.close(verbose=False)
        shutil.rmtree(self.temporary, ignore_errors=True)


def start(
    options: ServeOptions,
    pipeline: PipelineLike | None = None,
    make: Rebuild = rebuild,
    limits: Limits = LIMITS,
) -> Server:
    """Serve in the background. The command and the tests both come through here.

    Args:
        options: checked settings.
        pipeline: answers the questions; None opens `options.index`.
        make: builds the index again when documents are added.
        limits: how much may be asked of the server.

    Raises:
        ConfigError: a port in use, an address that can't be had, a bad password file, a risk that no threshold
            reaches.
        OptionalDependencyError: `mcp` without the extra.
    """
    if options.mcp and importlib.util.find_spec("mcp") is None:
        raise OptionalDependencyError("mcp", "mcp", "to offer answers by MCP")
    check = None
    if options.auth_file is not None:
        from rag.web.passwords import checker, load_users

        check = checker(load_users(options.auth_file))
    _check_port(options)
    temporary = prepare_environment(options.data_dir)
    newest: Callable[[], PipelineLike] | None = None
    if pipeline is None:
        newest = partial(_newest, options)
        pipeline = newest()
    service = Service(pipeline, decide=options.decide)
    library = _library(options, service, temporary, make)
    demo = _demo(options, service, library, limits)
    demo.queue(api_open=False, max_size=limits.queue, default_concurrency_limit=limits.workers)
    demo.launch(**_launch_settings(options, temporary, check, limits))
    if options.mcp and not demo.mcp_server:
        # Gradio serves on without it and keeps the reason to itself.
        demo.close(verbose=False)
        raise ConfigError(f"--mcp can't be offered: {demo.mcp_error}; serve without it")
    if options.mcp:
        from rag.web.program import answer_in_json

        answer_in_json(demo.mcp_server_obj)
    shown = f"[{options.host}]" if ":" in options.host else options.host
    server = Server(f"http://{shown}:{options.port}/", service, demo, temporary)
    Sweeper(demo._queue).start(server.closed)
    if newest is not None:
        Follower(service, newest, library).start(server.closed)
    return server


def _newest(options: ServeOptions) -> PipelineLike:
    """The pipeline over the newest state of the index.

    Raises:
        ConfigError: a risk that no threshold reaches there; said now, not at each question.
        RagError: as `open_pipeline`.
    """
    from rag.asking import open_pipeline

    pipeline = open_pipeline(options.index)
    pipeline.calibration.threshold_for(options.decide)
    return pipeline


def prepare_environment(data: Path) -> Path:
    """Environment and folders, before gradio is imported.

    Returns:
        An empty folder that only its owner can read, for Gradio's temporary files.
    """
    # Any of these would win over what is set below.
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in data.glob("tmp-*"):
        pid = old.name.removeprefix("tmp-").split("-")[0]
        if pid.isdecimal() and (int(pid) == os.getpid() or not _alive(int(pid))):
            shutil.rmtree(old, ignore_errors=True)
    temporary = data / f"tmp-{os.getpid()}"
    temporary.mkdir(mode=0o700, exist_ok=True)
    temporary.chmod(0o700)
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED="False",
        GRADIO_TEMP_DIR=str(temporary),
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        TRANSFORMERS_OFFLINE="1",
        # The server believes no proxy about who a client is; there is none.
        FORWARDED_ALLOW_IPS="",
    )
    # Gradio greets itself over HTTP when it starts.
    for name in ("NO_PROXY", "no_proxy"):
        known = os.environ.get(name)
        os.environ[name] = ",".join(filter(None, [known, "127.0.0.1,localhost,::1"]))
    return temporary


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _demo(options: ServeOptions, service: Service, library: Library | None, limits: Limits) -> Any:
    from rag.web.build import build
    from rag.web.feedback import Feedback
    from rag.web.page import Page
    from rag.web.session import Conversations

    data = options.data_dir
    page = Page(
        service,
        Conversations(data / "conversations" if options.save_history else None, limits),
        cookie_name(options),
        Feedback(data) if options.feedback else None,
    )
    return build(page, library, limits)


def _library(options: ServeOptions, service: Service, temporary: Path, make: Rebuild) -> Library | None:
    """Added documents, kept apart for each index that they are added to."""
    if not options.uploads_on:
        return None
    from rag.formats import SUFFIXES

    name = hashlib.sha256(str(Path(options.index).resolve()).encode()).hexdigest()[:12]
    return Library(options.data_dir / f"library-{name}", service, temporary, SUFFIXES, make)


def cookie_name(options: ServeOptions) -> str:
    """Browsers share cookies between ports; the name keeps two servers apart."""
    return f"insources-{options.port}"


def _launch_settings(options: ServeOptions, temporary: Path, check: Any, limits: Limits) -> dict[str, Any]:
    import gradio as gr
    from starlette.middleware import Middleware

    from rag.web.build import resource
    from rag.web.guard import Guard, GuardConfig
    from rag.web.program import FillIn

    config = GuardConfig(
        host_ok=_hosts(options),
        cookie=cookie_name(options),
        cookie_seconds=30 * 86_400 if options.save_history else None,
        uploads=options.uploads_on,
        upload_dir=temporary,
        mcp=options.mcp,
        rate=options.rate,
        burst=options.burst,
        limits=limits,
    )
    return {
        "server_name": options.host,
        "server_port": options.port,
        "prevent_thread_lock": True,
        # Only whether Gradio asks its own page for its head first, and dies where a busy machine takes 3 s.
        "_frontend": False,
        "share": False,
        "inbrowser": False,
        "show_error": False,
        "quiet": True,
        "auth": check,
        "ssr_mode": False,
        "pwa": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": [],
        "max_file_size": limits.file,
        "state_session_capacity": limits.conversations,
        "strict_cors": True,
        "allowed_paths": [],
        "mcp_server": options.mcp,
        "app_kwargs": {
            "middleware": [Middleware(Guard, config=config), Middleware(FillIn)],
            "docs_url": None,
            "redoc_url": None,
            "openapi_url": None,
        },
        "theme": gr.themes.Base(
            primary_hue=gr.themes.colors.teal,
            neutral_hue=gr.themes.colors.stone,
            font=["system-ui", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"],
            font_mono=["ui-monospace", "monospace"],
        ),
        "css": resource("style.css"),
    }


def _hosts(options: ServeOptions) -> Callable[[str], bool]:
    """Which names in a Host header are this server.

    A page elsewhere that points its own name at this machine (DNS rebinding) sends that name;
    addresses can't be pointed anywhere, so that they are safe to take.
    """
    import ipaddress

    named = {"localhost", options.host.lower(), *(name.lower() for name in options.allowed_hosts)}
    if not options.local:
        named |= {socket.gethostname().lower()}

    def ok(name: str) -> bool:
        if name in named:
            return True
        with suppress(ValueError):
            ipaddress.ip_address(name.strip("[]"))
            return is_loopback(name) or not options.local
        return False

    return ok


def _check_port(options: ServeOptions) -> None:
    """Say at once, and in our words, when the address can't be had."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host.strip("[]"), options.port))
        except OSError as error:
            raise ConfigError(
                f"can't listen on {options.host}:{options.port}: {error.strerror or error}; "
                "choose another with --port"
            ) from error
