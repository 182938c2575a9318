"""How fast the chat is and how much memory it takes, with the real pipeline.

`python tests/web/measure.py [--index index] [--questions 2000]` starts `app.py`, asks in a browser,
lets 20 people ask at once, then asks many questions and watches the server's memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
ASKED = [
    "Between whom is Trump's camp divided?",
    "Who lobbied the White House?",
    "What did Ryan Hass say about backchannel communication?",
    "When was the phase one trade deal signed?",
    "Who is China's vice premier?",
    "How old is Jensen Huang?",
    "Who won the football world cup?",
]


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def resident(pid: int) -> float:
    """Resident memory in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1000


def in_browser(url: str, n: int) -> dict[str, Any]:
    """Seconds from Enter to the answer on screen, and from click to highlight."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return {"browser": "no chromium found"}
    from playwright.sync_api import sync_playwright

    answers, clicks = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector("#chat .welcome")
        page.wait_for_timeout(3000)
        for i in range(n):
            page.fill("#question textarea", ASKED[i % 5])
            page.evaluate("""() => {
              const before = document.querySelectorAll('#chat .turn-q').length;
              window.began = window.took = 0;
              document.addEventListener('keydown', () => { window.began = performance.now(); }, { once: true });
              const watch = () => {
                if (document.querySelectorAll('#chat .turn-q').length > before)
                  window.took = performance.now() - window.began;
                else requestAnimationFrame(watch);
              };
              watch(); }""")
            page.press("#question textarea", "Enter")
            page.wait_for_function("window.took > 0")
            answers.append(page.evaluate("window.took"))
            page.wait_for_timeout(300)
            clicks.append(
                page.evaluate("""async () => {
                  const chips = document.querySelectorAll('#chat button.cite');
                  document.getElementById('sv-hit')?.remove();
                  const began = performance.now();
                  chips[chips.length - 1].click();
                  while (!document.getElementById('sv-hit')) await new Promise((r) => setTimeout(r, 1));
                  return performance.now() - began; }""")
            )
        browser.close()
    return {
        "enter_to_answer_ms_median": round(statistics.median(answers)),
        "enter_to_answer_ms_p95": round(percentile(answers, 0.95)),
        "click_to_highlight_ms_median": round(statistics.median(clicks)),
        "click_to_highlight_ms_p95": round(percentile(clicks, 0.95)),
    }


async def ask(client: httpx.AsyncClient, question: str) -> tuple[str, float]:
    """What came of a question, and the seconds it took."""
    began = time.perf_counter()
    joined = await client.post("/gradio_api/call/ask", json={"data": [question]})
    if joined.status_code != 200:
        return str(joined.status_code), time.perf_counter() - began
    answer = await client.get(f"/gradio_api/call/ask/{joined.json()['event_id']}")
    right = "event: complete" in answer.text and json.dumps(question)[1:-1] in answer.text
    return ("right" if right else "wrong"), time.perf_counter() - began


async def crowd(url: str, people: int, each: int) -> dict[str, Any]:
    """People who ask at once, again and again."""

    async def person(client: httpx.AsyncClient, i: int) -> list[tuple[str, float]]:
        return [await ask(client, f"{ASKED[(i + k) % len(ASKED)]} ({i}.{k})") for k in range(each)]

    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        done = [
            one for some in await asyncio.gather(*(person(client, i) for i in range(people))) for one in some
        ]
    seconds = [s for what, s in done if what == "right"]
    kinds = {what: sum(w == what for w, _ in done) for what in {w for w, _ in done}}
    return {
        "people": people,
        "answers": kinds,
        "seconds_median": round(statistics.median(seconds), 3),
        "seconds_p95": round(percentile(seconds, 0.95), 3),
    }


async def many(url: str, pid: int, n: int) -> dict[str, Any]:
    """Memory while questions go on."""
    memory = {0: round(resident(pid))}
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        for i in range(1, n + 1):
            await ask(client, f"{ASKED[i % len(ASKED)]} {i}")
            if i in (100, n // 2, n):
                memory[i] = round(resident(pid))
    return {"resident_mb_after_questions": memory}


def show(figures: dict[str, Any]) -> None:
    print(json.dumps({**figures, "load_average": round(os.getloadavg()[0], 1)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", default="index")
    parser.add_argument("--port", default="7893")
    parser.add_argument("--questions", type=int, default=2000)
    arguments = parser.parse_args()
    url = f"http://127.0.0.1:{arguments.port}/"
    with tempfile.TemporaryDirectory() as data:
        command = [
            sys.executable,
            "app.py",
            "--port",
            arguments.port,
            "--index",
            arguments.index,
            "--data",
            data,
        ]
        began = time.perf_counter()
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            while server.poll() is None:
                try:
                    httpx.get(url).raise_for_status()
                    break
                except httpx.HTTPError:
                    time.sleep(0.1)
            # Each figure as it comes: on a busy machine the later ones take long.
            show({"start_seconds": round(time.perf_counter() - began, 1)})
            show(in_browser(url, 20))
            show(asyncio.run(crowd(url, 20, 3)))
            show(asyncio.run(many(url, server.pid, arguments.questions)))
        finally:
            server.terminate()
            server.wait(20)


if __name__ == "__main__":
    main()
