"""What the Tab key offers, as bash, zsh and fish ask for it; and once by a real bash."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete, get_completion_class

from dessine.cli import group

CONFIG = "ring.yaml"


@pytest.fixture(params=["by what is known", "by the commands themselves"])
def offered(tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    if request.param == "by what is known":
        monkeypatch.setenv("_DESSINE_COMPLETE", "bash_complete")
    (tmp_path / CONFIG).write_text("game: {type: adversarial, generator: {layers: [{type: dense}]}}\ndata: {type: ring}\n")
    for name in ("2020-01-01_00-00-00_ring", "2020-01-02_00-00-00_xor", "2020-01-03_00-00-00_xor"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.yaml").write_text("")
    (tmp_path / "runs/other").mkdir()

    def ask(*words: str) -> list[str]:
        *before, last = words
        found = ShellComplete(group, {}, "dessine", "_DESSINE_COMPLETE").get_completions(list(before), last)
        return [one.value if one.type == "plain" else f"<{one.type}>" for one in found]

    return ask


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("train", ""), ["<file>"]),
        (("train", CONFIG, "training.ste"), ["training.steps="]),
        (("train", CONFIG, "tr"), ["training."]),
        (("train", CONFIG, "game.loss=min"), ["game.loss=minimax"]),
        (("train", CONFIG, "game.loss", "=", "min"), ["minimax"]),  # as bash takes it apart
        (("train", CONFIG, "game.generator.layers.0.uni"), ["game.generator.layers.0.units="]),
        (("train", CONFIG, "data.rad"), ["data.radius="]),
        (("train", CONFIG, "game.generator.optimizer=rms"), ["game.generator.optimizer=rmsprop"]),
        (("train", CONFIG, "outputs.gif=t"), ["outputs.gif=true"]),
        (("train", CONFIG, "nothing.at.all"), []),
        (("train", "--resume", "last", "training.ste"), ["training.steps="]),
        (("train", "--resume", "r"), ["ring"]),
        (("sweep", CONFIG, "game.loss=minimax,non"), ["game.loss=minimax,non_saturating"]),
        (("config", "check", CONFIG, "dtype=float3"), ["dtype=float32"]),
        (("check-grad", "no.yaml", "training.ste"), ["training.steps="]),
        (("eval", "l"), ["last"]),
        (("eval", "runs/"), ["<file>"]),
        (("find", "last", "my"), ["<file>"]),
        (("draw", "last", "--walk", "fo"), ["<file>"]),
        (("eval", "2020-01-01"), ["2020-01-01_00-00-00_ring"]),
        (("eval", "last", "--only", "frechet,reca"), ["frechet,recall"]),
        (("draw", "--runs-dir", "nowhere", "l"), ["last"]),
        (("list", "lay"), ["layers"]),
        (("runs", "list", "status=lo"), ["status=lost"]),
        (("runs", "list", "status", "=", "lo"), ["lost"]),
        (("runs", "rep"), ["report"]),
    ],
)
def test_tab_offers(offered, words, wanted):
    assert offered(*words) == wanted


def test_names_without_their_time_are_offered_where_they_are_enough(offered):
    assert set(offered("diagnose", "")) == {"last", "ring"} | {
        f"2020-01-0{i}_00-00-00_{name}" for i, name in ((1, "ring"), (2, "xor"), (3, "xor"))
    }


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(shell):
    cls = get_completion_class(shell)
    assert cls is not None
    assert "_DESSINE_COMPLETE" in cls(group, {}, "dessine", "_DESSINE_COMPLETE").source()


@pytest.fixture
def on_path(tmp_path) -> Path:
    """A folder with the command in it."""
    start = "import sys; sys.argv[0] = 'dessine'; from dessine.cli import main; main()"
    (tmp_path / "dessine").write_text(f'#!/bin/sh\nexec {sys.executable} -c "{start}" "$@"\n')
    (tmp_path / "dessine").chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("offered", ["by what is known"], indirect=True)
@pytest.mark.skipif(not shutil.which("fish"), reason="there is no fish")
def test_a_real_fish_completes(offered, on_path):
    lines = (f"sweep {CONFIG} game.loss=minimax,non", f"train {CONFIG} training.ste", "train --resu")
    asked = "\n".join(f"complete -C 'dessine {line}'" for line in lines)
    script = f"set -gx PATH {on_path} $PATH\n_DESSINE_COMPLETE=fish_source dessine | source\n{asked}"
    done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == [
        "game.loss=minimax,non_saturating",
        "training.steps=",
        "--resume\tGo on with a run in place: RUN is its folder, its name or 'last'.",
    ], done.stderr


@pytest.mark.parametrize("offered", ["by what is known"], indirect=True)
@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh")
def test_a_real_zsh_completes(offered, on_path):
    script = f"""
    export PATH={on_path}:$PATH
    compdef() {{ }}
    compadd() {{ print -r -- compadd $* : ${{(P)@[-1]}} }}
    _describe() {{ print -r -- ${{(P)3}} }}
    eval "$(_DESSINE_COMPLETE=zsh_source dessine)"
    words=(dessine sweep {CONFIG} game.loss=minimax,non); CURRENT=4; _dessine_completion
    words=(dessine train {CONFIG} game.generator.opt); CURRENT=4; _dessine_completion
    words=(dessine runs list s); CURRENT=4; _dessine_completion
    words=(dessine train --resu); CURRENT=3; _dessine_completion
    """
    done = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == [
        "compadd -U -V unsorted -a done : game.loss=minimax,non_saturating",
        "compadd -S -U -V unsorted -a on : game.generator.optimizer= game.generator.optimizer.",
        "compadd -S -U -V unsorted -a on : status= step= steps= seed= seconds=",
        "--resume:Go on with a run in place: RUN is its folder, its name or 'last'.",
    ], done.stderr


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_a_real_bash_completes(offered, on_path):
    script = f"""
    export PATH={on_path}:$PATH
    eval "$(_DESSINE_COMPLETE=bash_source dessine)"
    compopt() {{ echo "compopt $*"; }}
    COMP_WORDS=(dessine train {CONFIG} game.loss = min); COMP_CWORD=5; _dessine_completion dessine; echo "${{COMPREPLY[@]}}"
    COMPREPLY=(); COMP_WORDS=(dessine train {CONFIG} training.ste); COMP_CWORD=3; _dessine_completion dessine
    echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["minimax", "compopt", "-o", "nospace", "training.steps="], done.stderr
