"""A page that draws: the generator in plain JavaScript (engine.js), sliders for its latent, and a walk, in one file.

Of a classifier of grey images it is a pad to draw on, and what the network says of it. The page fetches nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np
from markupsafe import Markup

from dessine.export.taken import Refused, Step, Taken
from dessine.reports.shell import facts, folded, joined, page

Array = np.ndarray
LARGEST = 60_000_000
"""Bytes of a page, beyond which phones give up."""
LAYERS = (
    *("activation", "average_pool", "batch_norm", "condition", "conditional_batch_norm", "constant", "conv2d"),
    *("conv2d_transpose", "dense", "downsample", "dropout", "embedding", "flatten", "group_norm", "layer_norm", "max_pool"),
    *("maxout", "noise", "projection", "reshape", "residual", "upsample", "zero_pad"),
)
ACTIVATIONS = (
    *(
        "centred_sigmoid",
        "gelu",
        "heaviside",
        "leaky_relu",
        "linear",
        "relu",
        "sigmoid",
        "softmax",
        "softplus",
        "swish",
        "tanh",
    ),
)
"""What engine.js has functions for; what is not here is refused."""


def document(taken: Taken) -> dict[str, Any]:
    """What engine.js reads: steps with the shapes of their numbers."""

    def told(step: Step) -> dict[str, Any]:
        rows = {option: [told(one) for one in row] for option, row in step.rows.items()}
        return step.plain() | {"shapes": {name: a.shape for name, a in step.arrays.items()}, "rows": rows}

    return {"input": taken.input, "output": taken.output, "steps": [told(step) for step in taken.steps]}


def weights(taken: Taken) -> str:
    """All numbers, in the order of the steps, as base64 of little-endian single precision."""
    return base64.b64encode(b"".join(a.astype("<f4").tobytes() for a in taken.arrays().values())).decode()


def content(taken: Taken) -> bytes:
    """The page. Raises Refused for what makes no picture."""
    about, n = taken.about, len(taken.output)
    if taken.part == "generator":
        kind = "images" if n == 3 else "points" if taken.output[-1] in (1, 2) and n == 1 else ""
        if not kind or (kind == "images" and taken.output[-1] not in (1, 3)):
            raise Refused(f"a page draws grey or coloured images, and points of one or two numbers, not {list(taken.output)}")
    elif taken.part == "network" and len(taken.input) == 3 and taken.input[-1] == 1 and about.get("input_range"):
        kind = "pad"
    else:
        raise Refused("a page is made of a generator, or of a classifier of grey images")
    encoded = weights(taken)
    if len(encoded) > LARGEST:
        raise Refused(f"its weights take {len(encoded) / 1e6:.0f} MB in a page: more than a phone can hold; take onnx")
    told = {
        "kind": kind,
        "network": document(taken),
        "about": {**about, **taken.seen()},
        "classes": taken.classes,
        "noises": _noises(taken),
    }
    held = (_data("net", json.dumps(told)), _data("weights", encoded))
    name = str(about.get("name", "network"))
    title = f"{name}: draw on it" if kind == "pad" else f"{name}: a generator to play with"
    sized = f"{taken.count:,} numbers, {4 * taken.count / 1e6:.2g} MB, of single precision"
    body = joined([STYLE, *_head(name, kind, about), BODIES[kind], _facts(about, sized), *held])
    return page(title, body, Markup(_script("engine.js") + _script("page.js"))).encode()


def _noises(taken: Taken) -> dict[str, dict[str, Any]]:
    return {one.name: {"size": int(np.prod(one.shape)), "distribution": one.distribution} for one in taken.noises}


def _data(name: str, text: str) -> Markup:
    """JSON or base64 that no browser runs: without what would end it."""
    return Markup('<script type="text/plain" id="{}">{}</script>').format(name, Markup(text.replace("<", "\\u003c")))


def _head(name: str, kind: str, about: Mapping[str, Any]) -> tuple[Markup, Markup]:
    return Markup("<h1>{}</h1>").format(name), Markup('<p class="quiet">{}</p>').format(LINES[kind])


def _facts(about: Mapping[str, Any], sized: str) -> Markup:
    step = about.get("step")
    told = {
        "Run": about.get("run"),
        "Trained": about.get("date"),
        "Steps": f"{step:,}" if isinstance(step, int) else None,
        "Repeat": f"the first of {about['repeats']}" if "repeats" in about else None,
        "Weights": about.get("weights"),
        "Size": sized,
        "Config": about.get("config_hash"),
        "Made by": f"dessine {about.get('dessine', '')}",
    }
    config = about.get("config")
    full = folded("Config", Markup('<pre tabindex="0">{}</pre>').format(config)) if config else Markup()
    return Markup("<section><h2>Where this comes from</h2>{}{}</section>").format(facts(told), full)


def _script(name: str) -> str:
    return files("dessine.export").joinpath(name).read_text(encoding="utf-8")


LINES = {
    "images": "A neural network draws these pictures from random numbers. The sliders change the numbers.",
    "points": "A neural network makes these points from random numbers. The sliders change the numbers of the marked one.",
    "pad": "Draw with a finger or the mouse: a neural network says what it sees.",
}
STYLE = Markup("""<style>
main { max-width: 46rem; }
.play { display: grid; grid-template-columns: minmax(0, 18rem) minmax(0, 1fr); grid-template-rows: auto 1fr;
  gap: 1.2rem 1.6rem; align-items: start; }
.play .controls { grid-column: 2; grid-row: 1 / 3; }
.play canvas { width: 100%; height: auto; display: block; border-radius: 6px; background: #000; image-rendering: pixelated;
  border: 1px solid var(--line); touch-action: none; }
.play canvas.smooth { image-rendering: auto; background: var(--wash); }
.keys { display: flex; flex-wrap: wrap; gap: .5rem; margin: .7rem 0; }
.keys button { font: inherit; min-height: 2.75rem; min-width: 2.75rem; padding: .3rem .9rem; border-radius: 6px;
  border: 1px solid var(--line); background: var(--wash); color: var(--ink); cursor: pointer; }
.keys button[aria-pressed="true"] { background: var(--mark); color: var(--paper); border-color: var(--mark); }
.more { display: grid; grid-template-columns: repeat(auto-fill, minmax(3.4rem, 1fr)); gap: .4rem; margin-top: .6rem; }
.more button { padding: 0; border: 0; background: none; cursor: pointer; border-radius: 4px; line-height: 0; }
.slides { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 9rem), 1fr)); gap: .1rem 1.4rem; }
.slides label { display: grid; grid-template-columns: 3.4rem 1fr; align-items: center; gap: .5rem; font-size: .9rem;
  color: var(--soft); }
.slides input { width: 100%; min-width: 0; height: 2.4rem; accent-color: var(--mark); touch-action: pan-y; }
.bars { display: grid; grid-template-columns: max-content 1fr 3rem; gap: .25rem .6rem; align-items: center; margin: .6rem 0; }
.bars i { display: block; height: 1rem; background: var(--c0); border-radius: 3px; }
.said { font-size: 1.5rem; font-weight: 600; margin: 0; min-height: 2.2rem; }
@media (max-width: 40rem) {
  .play { grid-template-columns: minmax(0, 1fr); grid-template-rows: none; }
  .play .controls { grid-column: auto; grid-row: auto; }
  .play .stage { max-width: 22rem; width: 100%; margin: 0 auto; }
}
</style>""")
PLAY = Markup("""<div class="play">
<div class="stage"><canvas id="big" class="{}" role="img" aria-label="{}"></canvas>
<div class="keys"><button id="new">New</button><button id="walk" aria-pressed="false">Walk</button>
<button id="middle">Sliders to 0</button></div></div>
<div class="controls"><div class="keys" id="classes" hidden></div>
<p class="quiet">Each slider moves the numbers along one direction, from -3 to 3 standard deviations.</p>
<div class="slides" id="slides"></div></div>
{}</div>""")
OTHERS = Markup("""<div><p class="quiet">Others, drawn by chance. Touch one to go on from it.</p>
<div class="more" id="more"></div></div>""")
BODIES = {
    "images": PLAY.format("", "what the network draws", OTHERS),
    "points": PLAY.format("smooth", "points that the network makes, one of them marked", ""),
    "pad": Markup("""<div class="play">
<div class="stage"><canvas id="pad" class="smooth" role="img" aria-label="a pad to draw on"></canvas>
<div class="keys"><button id="clear">Clear</button></div></div>
<div><p class="said" id="said" aria-live="polite"></p><div class="bars" id="bars"></div>
<p class="quiet">What the network is shown: <canvas id="shown" style="width:5.6rem"></canvas></p></div>
</div>"""),
}
