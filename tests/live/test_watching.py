"""A training watched in a real browser: it comes, grows, is killed and is removed, and the page goes on."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dessine.live.server import Server
from dessine.live.shelf import Shelf
from dessine.live.site import Site

CONFIG = """
name: watched
data: {type: ring, points: 500}
game:
  type: adversarial
  latent: {size: 2}
  generator: {layers: [{type: dense, units: 8, activation: relu}, {type: dense, units: 2}], optimizer: {type: adam}}
  discriminator: {layers: [{type: dense, units: 8, activation: relu}, {type: dense, units: 1}], optimizer: {type: adam}}
training: {steps: 10000000, batch_size: 16}
outputs: {metrics: 250, samples: 500, checkpoint: 1000000, plots: false, gif: false}
"""
SOON = 40.0
"""Seconds after which something is taken to be broken: the machine may be busy."""


@pytest.fixture
def at(tmp_path: Path) -> Iterator[str]:
    """The address of a watch of tmp_path/runs, in this process."""
    with Server("127.0.0.1", 0, Site(Shelf(tmp_path / "runs"))) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def until(true: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.02)
    pytest.fail(f"not seen in time: {what}")


def text(browser: Any, where: str) -> str:
    return str(browser.execute_script("return document.querySelector(arguments[0])?.innerText || ''", where))


def mistakes(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]


def test_a_training_is_seen_from_its_first_step_until_it_is_gone(browser, at, tmp_path):
    runs = tmp_path / "runs"
    mistakes(browser)
    browser.get(at)
    until(lambda: "No run yet" in text(browser, "#none"), "an empty list")
    (tmp_path / "watched.yaml").write_text(CONFIG)
    words = ["train", str(tmp_path / "watched.yaml"), "--runs-dir", str(runs), "--quiet"]
    training = subprocess.Popen([sys.executable, "-m", "dessine", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: "running" in text(browser, ".card"), "the run in the list")
        until(lambda: browser.execute_script("return document.querySelector('.card img')?.naturalWidth"), "its picture there")
        browser.get(browser.find_element("css selector", ".card h3 a").get_attribute("href"))
        shown = lambda: int(browser.execute_script("return document.querySelector('.samples').dataset.step || -1"))  # noqa: E731
        until(lambda: shown() > 0, "a sample")
        late = []
        path = next(runs.glob("*/samples"))
        for _ in range(3):
            before = max(path.glob("*.png"))
            newest = until(
                lambda before=before: max(path.glob("step*.png")) > before and max(path.glob("step*.png")), "a new one"
            )
            came = time.monotonic()
            step = int(newest.stem.removeprefix("step_"))
            until(lambda step=step: shown() >= step, "the newest sample on the page")
            late.append(time.monotonic() - came)
        assert min(late) < 2.0, late  # all of them, where nothing else keeps the machine busy
        until(lambda: browser.find_elements("css selector", ".curves polyline"), "a curve")
        length = "return document.querySelector('.curves polyline').points.length"
        points = browser.execute_script(length)
        until(lambda: browser.execute_script(length) > points, "a curve that grows")
        assert "step" in text(browser, ".run progress + p")  # steps/s

        slider = browser.find_element("css selector", ".samples input")
        slider.send_keys("\ue011")  # Home: it stays there, and follows no more
        until(lambda: shown() == 0, "the first sample")
        assert slider.get_attribute("aria-valuetext") == "step 0"
        browser.find_element("css selector", ".newest").click()
        until(lambda: shown() > 0, "the newest again")
    finally:
        training.kill()
        training.wait()
    until(lambda: "lost" in text(browser, ".run header"), "that it was killed")
    assert "--resume" in text(browser, "[data-piece=head]")
    folder = next(runs.iterdir())
    (folder / "run.json").write_text("{")
    until(lambda: "broken" in text(browser, ".run header"), "that it is damaged")
    shutil.rmtree(folder)
    until(lambda: "no longer there" in text(browser, ".note"), "that it is gone")
    assert browser.execute_script("return document.querySelector('.samples img').naturalWidth") > 0
    browser.get(at)
    until(lambda: "No run yet" in text(browser, "#none"), "an empty list again")
    assert mistakes(browser) == []


@pytest.mark.parametrize(("width", "colours"), [(390, "dark"), (1000, "light")])
def test_every_page_fits_and_names_its_controls(browser, at, make_run, make_sweep, width, colours):
    make_run("a", samples=[0, 10], command="dessine train " + "x" * 300)
    make_run("b" * 100, samples=[10], success=[0.2, 0.3], status="failed", reason="no " * 50)
    make_sweep("s", {"one": {"samples": [10]}, "two": {"status": "failed"}})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"features": [{"name": "prefers-color-scheme", "value": colours}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    mistakes(browser)
    try:
        for page, there in (
            ("/", ".card img"),
            ("/run/a", ".curves polyline"),
            ("/run/s", ".card"),
            (f"/beside?a=a&b={'b' * 100}", "svg"),
        ):
            browser.get(at + page)
            until(lambda there=there: browser.find_elements("css selector", there), page)
            assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), page
            unnamed = browser.execute_script(
                "return [...document.querySelectorAll('input, select, button, progress, svg[role=img]')].filter("
                "(one) => !(one.labels?.length || one.ariaLabel || one.innerText || one.hidden)).map((one) => one.outerHTML)"
            )
            assert unnamed == []
            assert browser.execute_script("return [...document.images].every((one) => one.hasAttribute('alt'))")
        assert mistakes(browser) == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_two_are_picked_and_stand_side_by_side_with_sliders_that_move_together(browser, at, make_run):
    for name in ("a", "b"):
        make_run(name, samples=[0, 10, 20])
    browser.get(at)
    for box in until(lambda: len(found := browser.find_elements("css selector", ".pick input")) == 2 and found, "two runs"):
        box.click()
    browser.find_element("css selector", "#beside").click()
    both = until(lambda: len(found := browser.find_elements("css selector", ".samples input")) == 2 and found, "two sliders")
    steps = "return [...document.querySelectorAll('.samples')].map((one) => one.dataset.step)"
    until(lambda: browser.execute_script(steps) == ["20", "20"], "the newest of both")
    both[0].send_keys("\ue011")
    until(lambda: browser.execute_script(steps) == ["0", "0"], "the first of both")


def test_ten_look_at_once(at, make_run):
    make_run("a", samples=[0, 10])
    answers: list[int] = []

    def look() -> None:
        connection = http.client.HTTPConnection(at.removeprefix("http://"), timeout=30)
        for target in ("/", "/watch.js", "/api/list", "/run/a", "/api/run/a", "/file/a/samples/step_0000010.png") * 5:
            connection.request("GET", target)
            answer = connection.getresponse()
            body = answer.read()
            assert len(body) == int(answer.headers["Content-Length"])
            if target.startswith("/api"):
                json.loads(body)
            answers.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=look) for _ in range(10)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=60)
    assert answers == [200] * 300
    connection = http.client.HTTPConnection(at.removeprefix("http://"), timeout=30)
    connection.request("POST", "/api/list", body="x")
    assert connection.getresponse().status == 501  # it only shows
