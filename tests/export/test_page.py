"""The page in a real browser: its pictures are ours, it says nothing to the console and asks nobody, and fits a phone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.export import write
from dessine.export.html import content
from dessine.export.taken import Refused, Taken, of_network
from dessine.nn import Network
from dessine.streams import Streams

webdriver = pytest.importorskip("selenium.webdriver")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs chromium and chromedriver")
CONVOLUTIONS = [
    {"type": "condition", "classes": 2},
    {"type": "dense", "units": 36, "activation": "leaky_relu"},
    {"type": "reshape", "shape": [3, 3, 4]},
    {"type": "conv2d_transpose", "channels": 5, "activation": "relu"},
    {"type": "conditional_batch_norm", "classes": 2},
    {"type": "noise", "how": "add", "scale": 0.1},
    {"type": "conv2d", "channels": 3, "padding": 1, "activation": "tanh"},
]
LATENT = {"size": 3, "distribution": "gaussian", "sigma": 1.0}
ABOUT = {"name": "tiny <b>&</script>", "run": "a", "date": "2020-11-24", "step": 10, "config": "name: tiny\n", "dessine": "0"}


def generator(layers: list[Any] = CONVOLUTIONS, shape: tuple[int, ...] = (6, 6, 3), classes: int = 2) -> Taken:
    network = Network(layers, 3, Streams(5), name="generator")
    network.theta[...] += Streams(6)["theta"].gaussian(network.theta.shape[1:], np.float32) * 0.3
    about = ABOUT | {"images": len(shape) == 3, "output_range": [-1.0, 1.0], "latent": LATENT}
    axes = [{"name": f"z{i + 1}", "vector": row} for i, row in enumerate(np.eye(3).tolist())]
    names = ("cat", "</script>")[:classes]
    return of_network(network, "generator", about, shape, names, seen=lambda: {"axes": axes})


def classifier() -> Taken:
    network = Network(["flatten", {"type": "dense", "units": 2}], (8, 8, 1), Streams(5))
    network.theta[...] = 0
    network.theta[:, -1] = 5.0  # whatever it sees, it is the second
    about = ABOUT | {"input_range": [0.0, 1.0], "classes": ["no", "yes"], "squash": "softmax", "span": [0.0, 1.0]}
    return of_network(network, "network", about, seen=lambda: {"paper": 0.0})


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    words = ("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run", "window-size=1000,900")
    for word in (*words, "disable-background-networking", f"user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    yield started
    started.quit()


def opened(browser: webdriver.Chrome, taken: Taken, path: Path) -> None:
    """Load its page; nothing else is asked for."""
    write("html", taken, path)
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.resolve().as_uri())
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert {url for url in asked if url.startswith(("http", "file"))} <= {path.resolve().as_uri()}


def painted(browser: webdriver.Chrome, latent: np.ndarray, kind: int) -> np.ndarray:
    """(H, W, 3) levels that the page shows of a latent."""
    ask = """
const [z, k] = arguments, canvas = document.getElementById("big");
kind = k;
from(Float32Array.from(z));
return [canvas.height, canvas.width, [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]];
"""
    h, w, levels = browser.execute_script(ask, latent.tolist(), kind)
    return np.array(levels).reshape(h, w, 4)[..., :3]


@needs_browser
def test_pictures_of_the_page_are_ours_to_one_level(browser, tmp_path):
    one = generator()
    opened(browser, one, tmp_path / "page.html")
    assert browser.get_log("browser") == []  # before the test itself reads pixels, of which the browser warns
    browser.execute_script("for (const noise of Object.values(held)) noise.fill(0)")
    x = one.inputs(6, 1)
    shown = np.stack([painted(browser, z, i % 2) for i, z in enumerate(x)])
    still = generator([layer for layer in CONVOLUTIONS if layer["type"] != "noise"])
    still.network.theta[...] = one.network.theta
    ours = np.clip((still.forward(x, np.arange(6) % 2) + 1) / 2, 0, 1) * 255
    assert np.ptp(ours) > 50
    assert np.abs(shown - ours).max() <= 1


@needs_browser
def test_sliders_classes_and_the_walk_change_the_picture(browser, tmp_path):
    opened(browser, generator(), tmp_path / "page.html")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    )
    picture = "return document.getElementById('big').toDataURL()"
    seen = [browser.execute_script(picture)]
    slide = "const i = document.querySelector('#slides input'); i.value = 2; i.dispatchEvent(new Event('input'))"
    browser.execute_script(slide)
    seen.append(browser.execute_script(picture))
    browser.find_elements("css selector", "#classes button")[1].click()
    seen.append(browser.execute_script(picture))
    browser.find_element("id", "new").click()
    seen.append(browser.execute_script(picture))
    browser.find_elements("css selector", "#more button")[3].click()
    seen.append(browser.execute_script(picture))
    walked = """
const done = arguments[0], before = document.getElementById("big").toDataURL();
document.getElementById("walk").click();
let frames = 0;
const moved = () => document.getElementById("big").toDataURL() !== before;
const look = () => (moved() || ++frames > 100 ? done(frames) : requestAnimationFrame(look));
look();
"""
    assert browser.execute_async_script(walked) <= 100
    browser.find_elements("css selector", "#more button")[2].click()
    assert browser.find_element("id", "walk").get_attribute("aria-pressed") == "false"  # one that is chosen stays
    tops = [browser.find_element("id", name).rect["y"] for name in ("big", "classes", "slides", "more")]
    assert tops == sorted(tops)  # what one plays with is next to the picture
    assert len(set(seen)) == len(seen)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    assert [b.text for b in browser.find_elements("css selector", "#classes button")] == ["cat", "</script>"]
    assert browser.find_element("tag name", "h1").text == ABOUT["name"]
    assert browser.get_log("browser") == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@needs_browser
@pytest.mark.parametrize("numbers", [1, 2])
def test_points_are_drawn_as_points(browser, tmp_path, numbers):
    opened(browser, generator([{"type": "dense", "units": numbers}], (numbers,), 0), tmp_path / "page.html")
    assert browser.execute_script("return points.length") == 800
    assert browser.find_elements("css selector", "#classes button") == []
    assert browser.get_log("browser") == []


@needs_browser
def test_a_classifier_says_what_is_drawn(browser, tmp_path):
    opened(browser, classifier(), tmp_path / "page.html")
    pad = browser.find_element("id", "pad")
    assert browser.find_element("id", "said").text == "Draw something."
    webdriver.ActionChains(browser).move_to_element(pad).click_and_hold().move_by_offset(30, 40).release().perform()
    assert browser.find_element("id", "said").text == "yes"
    assert "99 %" in browser.find_element("id", "bars").text
    browser.find_element("id", "clear").click()
    assert browser.find_element("id", "said").text == "Draw something."
    assert browser.get_log("browser") == []


def test_the_page_tells_where_it_comes_from():
    text = content(generator()).decode()
    for word in ("2020-11-24", "name: tiny", "dessine 0", "single precision", "tiny &lt;b&gt;&amp;&lt;/script&gt;"):
        assert word in text
    assert text.count("</script>") == 3
    assert "the first of" not in text
    one = generator()
    one.about["repeats"] = 3
    assert "the first of 3" in content(one).decode()


def test_what_makes_no_picture_is_refused():
    about: dict[str, Any] = {"latent": LATENT}
    with pytest.raises(Refused, match=r"not \[5\]"):
        content(of_network(Network([{"type": "dense", "units": 5}], 3), "generator", about))
    with pytest.raises(Refused, match="a generator, or of a classifier of grey images"):
        content(of_network(Network([{"type": "dense", "units": 1}], 3), "discriminator", {}))
    with pytest.raises(Refused, match="a generator, or of a classifier of grey images"):
        content(of_network(Network([{"type": "dense", "units": 1}], 2), "network", {"input_range": None}))
