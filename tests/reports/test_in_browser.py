"""Pages in a real browser: no error, nothing fetched, a slider that moves, and room on a narrow screen."""

from __future__ import annotations

import json
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from dessine.reports import page, table
from dessine.reports.run_page import save_run_page
from dessine.runs.collection import read_row
from dessine.sweeps.cells import Axes
from dessine.sweeps.folder import SweepFolder
from dessine.sweeps.page import save_page
from dessine.sweeps.pictures import save_pictures
from dessine.sweeps.results import collect

webdriver = pytest.importorskip("selenium.webdriver")


def open_page(browser: webdriver.Chrome, path: Path) -> tuple[list[str], list[str]]:
    """Load a page; what the console says, and the addresses that were asked for, but for the page itself."""
    browser.get_log("performance")
    browser.get_log("browser")
    address = path.resolve().as_uri()
    browser.get(address)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    # The browser's own first tab may still be loading its parts.
    asked = [one["request"]["url"] for one in sent if not one["documentURL"].startswith("chrome://")]
    assert address in asked
    return [entry["message"] for entry in browser.get_log("browser")], [url for url in asked if url != address]


def shown(browser: webdriver.Chrome) -> list[str]:
    """The steps of the sample pictures that are visible."""
    frames = browser.find_elements("css selector", ".samples img")
    return [frame.get_attribute("data-step") for frame in frames if frame.is_displayed()]


@pytest.fixture
def report(make_run, tmp_path) -> Path:
    path = make_run("a", samples=[0, 10, 20], command="dessine train " + "x" * 300, success=[0.1, 0.5, 0.9])
    (path / "source.yaml").write_text("long: " + "word " * 100)
    return save_run_page(read_row(path, "a"), tmp_path / "report.html")


def test_a_report_loads_without_error_and_fetches_nothing(browser, report):
    said, asked = open_page(browser, report)
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == []
    pictures = browser.execute_script("return [...document.images].map(i => i.naturalWidth)")
    assert len(pictures) == 3  # the samples
    assert len(browser.find_elements("css selector", ".curves figure > svg")) == 1
    assert all(width > 0 for width in pictures)


def test_the_page_of_a_sweep_loads_and_fits_too(browser, make_sweep, tmp_path):
    cells = {
        f"eta{eta}_{seed}": {"seed": seed, "success": [0.1, eta], "overrides": [f"x.eta={eta}"]}
        for eta in (0.1, 0.2)
        for seed in (0, 1)
    }
    folder = SweepFolder(make_sweep("s", cells))
    results = collect(folder, Axes(grid={"x.eta": [0.1, 0.2]}), {"test_success": "max"})
    folder.plots.mkdir()
    pictures = save_pictures(results, folder.plots, "s")
    path = save_page(results, tmp_path / "sweep.html", "s", pictures, "base: base.yaml", "dessine sweep")
    try:
        browser.set_window_size(500, 900)
        said, asked = open_page(browser, path)
        assert said == []
        assert [url for url in asked if not url.startswith("data:")] == []
        assert browser.execute_script("return [...document.images].map(i => i.naturalWidth > 0)") == [True] * len(pictures)
        assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        browser.set_window_size(1000, 900)


def test_the_slider_moves_the_picture(browser, report):
    open_page(browser, report)
    slider = browser.find_element("css selector", "input[type=range]")
    assert shown(browser) == ["step 20"]
    slider.send_keys("\ue012")  # the left arrow
    assert shown(browser) == ["step 10"]
    assert browser.find_element("css selector", "output").text == "step 10"
    assert slider.get_attribute("aria-valuetext") == "step 10"
    slider.send_keys("\ue011")  # Home
    assert shown(browser) == ["step 0"]


def test_a_report_fits_a_narrow_screen(browser, report):
    try:
        browser.set_window_size(500, 900)
        open_page(browser, report)
        assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        browser.set_window_size(1000, 900)


def test_a_wide_picture_is_moved_sideways_on_a_phone(browser, report):
    Image.new("L", (986, 442)).save(report.parent / "runs/a/samples/step_0000020.png")
    save_run_page(read_row(report.parent / "runs/a", "a"), report)
    try:
        browser.set_window_size(500, 900)
        open_page(browser, report)
        width, room = browser.execute_script(
            "const i = [...document.querySelectorAll('.samples img')].at(-1); return [i.width, i.parentElement.clientWidth]"
        )
        assert width > 800 > room
        assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        browser.set_window_size(1000, 900)


def test_every_control_and_picture_has_a_name(browser, report):
    open_page(browser, report)
    unnamed = browser.execute_script(
        "return [...document.images].filter(i => !i.alt).length"
        " + [...document.querySelectorAll('input')].filter(i => !i.labels.length).length"
    )
    assert unnamed == 0
    assert browser.find_element("css selector", "html").get_attribute("lang") == "en"


class Counting(BaseHTTPRequestHandler):
    """Remembers what it was asked for."""

    def __init__(self, asked: list[str], *args: object):
        self.asked = asked
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Anything is found."""
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


def test_a_page_cannot_fetch_or_run_what_was_smuggled_into_it(browser, tmp_path):
    asked: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Counting, asked)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"http://127.0.0.1:{server.server_port}"
        smuggled = (
            f'<img src="{at}/a.png"><script src="{at}/b.js"></script><script>document.title = "changed"</script>'
            f'<link rel="stylesheet" href="{at}/c.css"><img src="x" onerror="document.title = \'changed\'">'
        )
        free, closed = tmp_path / "free.html", tmp_path / "closed.html"
        free.write_text(f"<!doctype html><title>t</title>{smuggled}")
        closed.write_text(page("t", smuggled + table(["a"], [["b"]])))
        open_page(browser, free)
        assert sorted(set(asked)) == ["/a.png", "/b.js", "/c.css"]  # what a page without the rule would do
        assert browser.title == "changed"
        asked.clear()
        open_page(browser, closed)
        assert asked == []
        assert browser.title == "t"
        server.shutdown()
