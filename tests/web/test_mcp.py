"""The MCP tool: the same answer object; without its extra, a line that says how to get it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sites import ANSWERED, Site

from rag.web.command import main

HAS_MCP = importlib.util.find_spec("mcp") is not None


@pytest.mark.skipif(HAS_MCP, reason="insources[mcp] is installed")
def test_without_the_extra_the_install_line_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--mcp"]) == 2
    assert 'pip install "insources[mcp]"' in capsys.readouterr().err


@pytest.mark.skipif(not HAS_MCP, reason='needs: pip install "insources[mcp]"')
def test_tool_gives_the_answer_object(start_site: Callable[..., Site]) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    site = start_site(mcp=True, uploads=False)

    async def call() -> tuple[list[str], str]:
        async with (
            streamable_http_client(f"{site.url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            result = await session.call_tool(tools[0].name, {"question": ANSWERED})
            return [tool.name for tool in tools], result.content[0].text  # type: ignore[union-attr]

    # A thread of its own: where a browser is open, this one has a running loop.
    with ThreadPoolExecutor(1) as thread:
        names, text = thread.submit(lambda: asyncio.run(call())).result()
    assert len(names) == 1
    assert names[0].endswith("ask")
    answer = json.loads(text)
    assert answer["found"] is True
    assert answer["citations"][0]["doc_id"] == "002_54e73b8160326602.txt"
    with site.client() as client:
        foreign = client.post("/gradio_api/mcp/", json={}, headers={"origin": "http://evil.example"})
        assert foreign.status_code == 403
