"""Where the time of a training goes: by layer, optimizer, score, picture and file; for `dessine train --profile`.

Nothing of it is there when nobody asks: the methods that are timed are replaced for as long as one training takes. They are
called with what they would be called with, so that no bit of the training changes.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dessine import experiment as loop
from dessine.compiled import enabled
from dessine.experiment import Experiment
from dessine.games import adversarial, classification
from dessine.nn import algebra
from dessine.nn.conv import _Convolution
from dessine.nn.layer import Layer
from dessine.plots import Pictures
from dessine.runs.files import own, write_atomically, write_json
from dessine.runs.run import Run
from dessine.threads import cores, one_blas_thread

Array = np.ndarray
KINDS = (
    "forward",
    "backward",
    "optimizer",
    "latents",
    "data",
    "losses",
    "scores",
    "pictures",
    "checkpoints",
    "files",
    "compiling",
    "rest",
)
"""In the order in which they are told."""
MEASURED = {
    adversarial: {
        "critic_gradient": "critic_gradient",
        "gap": "critic_gap",
        "turning": "rotation",
        "standing": "distance",
    },
    classification: {"exam": "test", "tested": "test at the end"},
    loop: {"_at_the_end": "verdict"},
}
"""Measures beside the scores: where a module calls each, and what it is called in the metrics."""
GLANCED = {
    "_modes": "modes, high_quality, reverse_kl",
    "_read": "kernel_distance, and what a judge reads",
    "_diversity": "diversity",
}
LOSSES = ("critic", "generator", "critic_of_both", "generator_of_both")
SIZE, SECONDS = 768, 0.3
"""Of the matrices that tell the rate of the machine, and for how long it is asked."""


class Part(NamedTuple):
    """kind: one of KINDS; name: of whom."""

    kind: str
    name: str = ""


@dataclass
class Share:
    """What one part has taken: seconds without those of parts inside it, calls, and multiplications of matrix products."""

    seconds: float = 0.0
    calls: int = 0
    multiplications: int = 0


@dataclass
class Stopwatch:
    """Counts the time of the innermost part alone. training: whether a turn is being made; else layers are part of who asks."""

    shares: dict[Part, Share] = field(default_factory=dict)
    stack: list[Part] = field(default_factory=list)
    since: float = 0.0
    training: bool = False

    def enter(self, part: Part) -> None:
        """From now on it is this part's time."""
        now = time.perf_counter()
        if self.stack:
            self.shares[self.stack[-1]].seconds += now - self.since
        self.shares.setdefault(part, Share()).calls += 1
        self.stack.append(part)
        self.since = time.perf_counter()

    def leave(self) -> None:
        """It is again that of whoever asked for it."""
        now = time.perf_counter()
        self.shares[self.stack.pop()].seconds += now - self.since
        self.since = now

    def timed(self, part: Part, f: Callable[..., Any], in_turns: bool = False) -> Callable[..., Any]:
        """f, timed; in_turns: only within a turn."""

        @functools.wraps(f)
        def call(*args: Any, **options: Any) -> Any:
            if in_turns and not self.training:
                return f(*args, **options)
            self.enter(part)
            try:
                return f(*args, **options)
            finally:
                self.leave()

        return call

    def passing(self, name: str, f: Callable[..., Any], layer: Layer | None = None) -> Callable[..., Any]:
        """A forward pass, timed, and the backward that comes out of it."""
        forward, backward = Part("forward", name), Part("backward", name)
        ahead, conv = self.timed(forward, f, in_turns=True), layer if isinstance(layer, _Convolution) else None

        @functools.wraps(f)
        def call(*args: Any, **options: Any) -> Any:
            if not self.training:
                return f(*args, **options)
            y, back = ahead(*args, **options)
            each = 0 if conv is None else args[0].shape[0] * args[0].shape[1] * conv.products.rows * conv.w[0].size
            self.shares[forward].multiplications += each
            timed = self.timed(backward, back, in_turns=True)

            def back_again(*args: Any, **options: Any) -> Any:
                if each and self.training:
                    wanted = bool(options.get("params", True)) + bool(options.get("inputs", True))
                    self.shares.setdefault(backward, Share()).multiplications += each * wanted
                return timed(*args, **options)

            return y, back_again

        return call

    def counting(self, f: Callable[..., Any], multiplications: Callable[..., int]) -> Callable[..., Any]:
        """A matrix product, whose multiplications are those of the part that asks for it."""

        @functools.wraps(f)
        def call(*args: Any, **options: Any) -> Any:
            if self.stack:
                self.shares[self.stack[-1]].multiplications += multiplications(*args)
            return f(*args, **options)

        return call

    def turning(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Turns, in which layers count."""
        timed = self.timed(Part("rest", "of turns"), f)

        @functools.wraps(f)
        def call(*args: Any, **options: Any) -> Any:
            self.training = True
            try:
                return timed(*args, **options)
            finally:
                self.training = False

        return call


@contextmanager
def watched(experiment: Experiment, run: Run, told: Callable[[str], None]) -> Iterator[None]:
    """Inside it `experiment` trains in `run`; at its end, however it ends, profile.json and profile.txt are written, and `told`
    gets the table."""
    watch, began = Stopwatch(), time.perf_counter()
    watch.enter(Part("rest", "of the loop"))
    try:
        with ExitStack() as stack:
            _watch(watch, experiment, run, stack)
            yield
    finally:
        while watch.stack:
            watch.leave()
        profile = _profile(watch, time.perf_counter() - began, str(np.dtype(experiment.dtype)))
        text = "\n".join(lines(profile))
        write_json(own(run.path, "profile.json"), profile)
        write_atomically(own(run.path, "profile.txt"), text + "\n")
        told(text)


def _watch(watch: Stopwatch, experiment: Experiment, run: Run, stack: ExitStack) -> None:
    """Replace what is timed; `stack` puts it back."""

    def put(holder: Any, name: str, make: Callable[[Any], Any]) -> None:
        before = getattr(holder, name, None)
        if before is None:
            return
        had = name in vars(holder)
        setattr(holder, name, make(before))
        stack.callback(*((setattr, holder, name, before) if had else (delattr, holder, name)))

    def time_(holder: Any, name: str, kind: str, of: str = "", in_turns: bool = False) -> None:
        put(holder, name, lambda f: watch.timed(Part(kind, of), f, in_turns))

    game: Any = experiment.game
    put(game, "turns", watch.turning)
    for name, player in game.players.items():
        for place in player.places():
            put(place.layer, "forward", functools.partial(watch.passing, f"{name}/{place.key}", layer=place.layer))
        for method in ("step", "pull_back"):
            time_(player, method, "optimizer", name)
        if player.is_penalised:
            put(player.constraint, "judge", functools.partial(watch.passing, f"{name}/penalty and all layers"))
    for holder, method, kind, of in (
        (getattr(game, "latent", None), "draw", "latents", ""),
        (game.batches, "next", "data", ""),
        (getattr(game, "one_by_one", None), "learn", "forward", "all layers, forward and backward, one example at a time"),
        *((game.loss, name, "losses", "") for name in LOSSES),
        *((getattr(game, "panel", None), name, "scores", of) for name, of in GLANCED.items()),
        (getattr(getattr(game, "panel", None), "own", None), "glance", "scores", "region_share, near_real"),
        (game, "report", "scores", "drawing samples, and the rest of a line"),
        (game, "score", "scores", "at checkpoints"),
        *((run, name, "checkpoints", "") for name in ("save_checkpoint", "save_best")),
        *((run, name, "files", "") for name in ("append_metrics", "update", "log", "metrics")),
    ):
        if holder is not None:
            time_(holder, method, kind, of)
    for module, measures in MEASURED.items():
        for name, of in measures.items():
            time_(module, name, "scores", of)
    put(Pictures, "draw", functools.partial(_drawing, watch))
    if enabled():
        from dessine.compiled.loops import compiling

        stack.enter_context(compiling(lambda: watch.enter(Part("compiling")), watch.leave))
    for module in [one for key, one in sys.modules.items() if key.startswith("dessine.") and one is not None]:
        for name, count in (("product", _of_product), ("add_product", _of_sum)):
            if getattr(module, name, None) is getattr(algebra, name) and module is not algebra:
                put(module, name, functools.partial(watch.counting, multiplications=count))


def _drawing(watch: Stopwatch, draw: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(draw)
    def call(self: Pictures, save: Callable[..., Any], *args: Any, **options: Any) -> Any:
        path = next((one for one in args if isinstance(one, Path)), Path())
        name = path.name if path.suffix else getattr(save, "__name__", "others").removeprefix("save_")
        name = "samples" if name.startswith("step_") else name
        watch.enter(Part("pictures", name))
        try:
            return draw(self, save, *args, **options)
        finally:
            watch.leave()

    return call


def _of_product(a: Array, b: Array) -> int:
    return a.size * b.shape[-1]


def _of_sum(out: Array, a: Array, b: Array, *rest: Any) -> int:
    return a.size * b.shape[-1]


def matrix_rate(dtype: Any = np.float32, seconds: float = SECONDS) -> float:
    """Operations in a second, two for each multiplication, of matrix products as a training makes them: the best that came."""
    a = np.ones((1, SIZE, SIZE), dtype)
    best, until = 0.0, time.perf_counter() + seconds
    with one_blas_thread():
        algebra.product(a, a)  # loops are loaded
        while not best or time.perf_counter() < until:
            began = time.perf_counter()
            algebra.product(a, a)
            best = max(best, 2 * SIZE**3 / (time.perf_counter() - began))
    return best


def _profile(watch: Stopwatch, seconds: float, dtype: str) -> dict[str, Any]:
    """For JSON. Shares are of `seconds`, and add up to 1."""
    total = sum(one.seconds for one in watch.shares.values()) or 1.0
    kinds = dict.fromkeys(KINDS, 0.0)
    parts = []
    for part, one in sorted(watch.shares.items(), key=lambda item: (KINDS.index(item[0].kind), -item[1].seconds)):
        kinds[part.kind] += one.seconds / total
        rate = 2 * one.multiplications / one.seconds if one.multiplications and one.seconds else None
        parts.append(
            {
                "kind": part.kind,
                "name": part.name,
                "share": one.seconds / total,
                "seconds": one.seconds,
                "calls": one.calls,
                "operations_per_second": rate,
            }
        )
    rate = matrix_rate(np.dtype(dtype))
    return {
        "seconds": seconds,
        "kinds": kinds,
        "parts": parts,
        "matrix_products": {"operations_per_second": rate, "dtype": dtype, "threads": cores()},
    }


def lines(profile: dict[str, Any]) -> list[str]:
    """The table, the sums of each kind first."""
    machine = profile["matrix_products"]
    told = [f"where {_time(profile['seconds'])} went:"]
    told += [f"  {share:6.1%}  {kind}" for kind, share in profile["kinds"].items() if share > 0]
    told += [f"  {sum(profile['kinds'].values()):6.1%}  in all", ""]
    rate = f"{machine['operations_per_second'] / 1e9:.0f} GFLOP/s ({machine['dtype']}, threads: {machine['threads']})"
    told += [f"matrix products alone make {rate} here", "   share      time    calls    a call  GFLOP/s  part"]
    for part in profile["parts"]:
        rate = part["operations_per_second"]
        name = f"{part['kind']} {part['name']}".strip()
        each = _time(part["seconds"] / max(part["calls"], 1))
        shown = f"{rate / 1e9:.3g}" if rate else ""
        told.append(f"  {part['share']:6.1%}  {_time(part['seconds']):>8}  {part['calls']:>7,}  {each:>8}  {shown:>7}  {name}")
    return told


def _time(seconds: float) -> str:
    for unit, length in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"
