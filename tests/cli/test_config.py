import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from dessine.cli import main
from dessine.cli.config import command
from dessine.experiment import Experiment
from dessine.nn import Network
from dessine.spec import check_document, read
from dessine.spec.text import parse

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted(p for p in CONFIGS.rglob("*.y*ml") if "sweeps" not in p.parts and p.parent.name != "published")
RING = CONFIGS / "gan_ring.yaml"


def dessine(monkeypatch, capsys, *words):
    """Exit code, stdout and stderr lines of the whole command line."""
    monkeypatch.setattr("sys.argv", ["dessine", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        main()
    out, err = capsys.readouterr()
    return stop.value.code, out, err.splitlines()


@pytest.fixture(scope="module")
def schema():
    return json.loads((CONFIGS / "schema.json").read_text())


def test_stored_schema_is_the_schema():
    """`make schema` writes it anew."""
    assert CliRunner().invoke(command, ["schema"]).output == (CONFIGS / "schema.json").read_text()


def test_schema_is_valid_and_names_itself(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_configs_fit_the_schema_and_name_it(path, schema):
    text = path.read_text("utf-8")
    up = "../" * (len(path.relative_to(CONFIGS).parts) - 1)
    assert text.startswith(f"# yaml-language-server: $schema={up}schema.json\n")
    jsonschema.Draft202012Validator(schema).validate(parse(text, str(path)).data)


@pytest.mark.parametrize("wrong", ["sede: 1", "extends: 5", "outputs: {grdi: [1, 2]}", "repeats: 0", "dtype: float16"])
def test_schema_refuses_mistakes(wrong, schema):
    document = read(RING)
    document.data |= parse(wrong, "x").data
    assert not jsonschema.Draft202012Validator(schema).is_valid(document.data)


def test_schema_lets_a_child_leave_out_what_it_inherits(schema):
    child = {"extends": "a.yaml", "game": {"generator": {"optimizer": {"eta": 0.1}}}}
    jsonschema.Draft202012Validator(schema).validate(child)


def test_check_says_that_a_config_is_good(monkeypatch, capsys):
    code, out, err = dessine(monkeypatch, capsys, "config", "check", RING, "training.steps=10")
    assert (code, out, err) == (0, f"{RING}: good, 10 steps\n", [])


def test_check_tells_misfits_of_both_players_and_the_batch_with_their_lines(monkeypatch, capsys, tmp_path):
    text = RING.read_text("utf-8").replace("{type: dense, units: 2}", "{type: dense, units: 3}")
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        text.replace("{type: dense, units: 1}", "{type: reshape, shape: [7]}").replace("batch_size: 128", "batch_size: 99999")
    )
    code, out, err = dessine(monkeypatch, capsys, "config", "check", bad)
    rows = bad.read_text().split("\n")
    assert (code, out) == (2, "")
    assert [line.split(": ")[1] for line in err] == [
        "game.generator.layers",
        "game.discriminator.layers[2].shape",
        "training.batch_size",
    ]
    for line, word in zip(err, ["layers:", "reshape", "batch_size"], strict=True):
        assert word in rows[int(line.split(":")[1]) - 1]


def test_check_refuses_a_network_beyond_the_memory(monkeypatch, capsys):
    changes = ["game.generator.layers[0].units=1000000", "repeats=10000"]
    code, _, err = dessine(monkeypatch, capsys, "config", "check", RING, *changes)
    assert code == 2
    assert "needs about" in err[0]
    assert "TB of memory (networks" in err[0]
    assert "GB: take smaller layers, fewer repeats or a smaller batch" in err[0]


def test_check_and_a_dry_run_draw_no_weights(monkeypatch, capsys):
    monkeypatch.setattr(Network, "__init__", lambda *_: pytest.fail("a network is made"))
    for words in (["config", "check"], ["config", "show"], ["train", "--dry-run"]):
        for config in (RING, CONFIGS / "xor.yaml", CONFIGS / "sngan_mnist.yaml", CONFIGS / "wgan_gp_mnist.yaml"):
            assert dessine(monkeypatch, capsys, *words, config)[0] == 0


@pytest.mark.parametrize("layer", ["minibatch_discrimination", "{type: minibatch_closeness}"])
def test_pairs_of_a_batch_count_as_memory(monkeypatch, capsys, layer):
    changes = ["training.batch_size=600000", "data.points=600000", "game.scored=0"]
    changes.append(f"game.discriminator.layers=[{layer}, {{type: dense, units: 1}}]")
    code, _, err = dessine(monkeypatch, capsys, "config", "check", RING, *changes)
    assert code == 2
    assert "TB of memory (batches" in err[0]


LAYER = "game.generator.layers[0]"


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        ("gan_ring", ["game.n_critic=1e9"]),
        ("gan_ring", ["game.critic_warmup=1e9"]),
        ("gan_ring", ["game.critic_extra.moves=1e9"]),
        ("gan_ring", ["game.moves.real=1e9"]),
        ("gan_ring", ["game.until={type: plateau, most: 1e9}"]),
        ("gan_ring", ["game.unrolled.steps=1e9"]),
        ("gan_ring", ["game.rotation_pairs=1e9"]),
        ("gan_ring", ["game.scored=1e12"]),
        ("gan_ring", ["game.latent.size=1e9"]),
        ("gan_ring", ["game.pack=1e9"]),
        ("gan_ring", [f"{LAYER}.units=1e9"]),
        ("gan_ring", [f"{LAYER}.units=1e7", "game.generator.layers[1].units=1e7"]),
        ("gan_ring", ["game.generator.layers=[{type: noise, size: 1e8}, {type: dense, units: 2}]"]),
        ("gan_ring", ["game.generator.layers=[{type: maxout, units: 2, pieces: 1e9}]"]),
        ("gan_ring", ["game.discriminator.layers=[{type: minibatch_discrimination, kernels: 1e9}, {type: dense, units: 1}]"]),
        ("gan_ring", ["game.discriminator.layers=[{type: minibatch_discrimination, dims: 1e9}, {type: dense, units: 1}]"]),
        ("gan_ring", ["game.discriminator.layers=[{type: minibatch_closeness, neighbours: 1e9}, {type: dense, units: 1}]"]),
        ("gan_ring", ["game.discriminator.constraint={type: spectral_norm, iterations: 1e9}"]),
        ("gan_ring", ["repeats=1e9"]),
        ("gan_ring", ["data.points=1e9"]),
        ("gan_ring", ["data.modes=1e9"]),
        ("gan_ring", ["outputs.grid=[1e9, 1e9]"]),
        ("gan_ring", [f"game.generator.layers=[{', '.join(['{type: dense, units: 2}'] * 1001)}]"]),
        ("gan_ring", ["game.generator.layers=[{type: reshape, shape: [" + "1, " * 70 + "2]}, {type: dense, units: 2}]"]),
        (
            "gan_ring",
            [
                "game.generator.layers=[{type: dense, units: 4}, {type: reshape, shape: [2, 2, 1]}, "
                "{type: upsample, factor: 10000}, {type: upsample, factor: 10000}, {type: dense, units: 2}]"
            ],
        ),
        (
            "gan_ring",
            [
                "game.generator.layers=[{type: dense, units: 4}, {type: reshape, shape: [2, 2, 1]}, "
                "{type: conv2d, channels: 1, kernel: 10000, padding: same}, {type: conv2d, channels: 1e9, kernel: 10000, "
                "padding: same}, {type: dense, units: 2}]"
            ],
        ),
        (
            "gan_ring",
            [
                "game.generator.layers=[{type: dense, units: 4}, {type: reshape, shape: [2, 2, 1]}, "
                "{type: zero_pad, padding: 10000}, {type: dense, units: 2}]"
            ],
        ),
        ("xor", ["game.network.layers[0].units=1e7", "repeats=1000"]),
    ],
    ids=lambda x: x if isinstance(x, str) else x[-1][:60],
)
def test_what_could_never_fit_or_end_is_refused_before_memory_is_taken(config, changes, monkeypatch, capsys):
    monkeypatch.setattr("dessine.games.player.Network", None)  # which would allocate
    code, _, err = dessine(monkeypatch, capsys, "config", "check", CONFIGS / f"{config}.yaml", *changes)
    assert code == 2
    assert len(err) == 1


@pytest.mark.parametrize(
    "changes",
    [
        ["game.generator.layers=[{type: dense, units: 5000000}, {type: dense, units: 3}]"],
        ["game.discriminator.layers=[{type: dense, units: 5000000}, {type: dense, units: 3}]"],
    ],
)
def test_shapes_are_checked_before_anything_is_allocated(changes, monkeypatch, capsys):
    monkeypatch.setattr("dessine.games.player.Network", None)
    code, _, err = dessine(monkeypatch, capsys, "config", "check", RING, *changes)
    assert code == 2
    assert ".layers: " in err[0]


@pytest.mark.parametrize(
    "option",
    ["game.rotation_pairs=1", "game.unrolled.steps=1", "game.average=0.9", "game.pack=2", "game.feature_matching.layer=-2"],
)
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_rule_on_two_options_hides_no_mistake_of_one(option, player, monkeypatch, capsys):
    wrong = f"game.{player}.layers=[{{type: conv2d, channels: 2}}, {{type: dense, units: 2}}]"
    code, _, err = dessine(monkeypatch, capsys, "config", "check", RING, option, wrong)
    assert code == 2
    assert any("a convolution needs an image" in line for line in err)


def test_check_leaves_nothing_behind(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    dessine(monkeypatch, capsys, "config", "check", RING)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [RING, CONFIGS / "gan_mnist_report.yaml", CONFIGS / "xor.yaml"], ids=lambda p: p.stem)
def test_show_is_accepted_again_and_shows_the_same(path, monkeypatch, capsys, tmp_path):
    code, out, _ = dessine(monkeypatch, capsys, "config", "show", path, "seed=3")
    again = tmp_path / "again.yaml"
    again.write_text(out)
    assert code == 0
    assert check_document(read(again), Experiment).node.seed == 3
    assert dessine(monkeypatch, capsys, "config", "show", again)[1] == out


def test_show_tells_mistakes_like_check(monkeypatch, capsys):
    code, out, err = dessine(monkeypatch, capsys, "config", "show", RING, "seed=x", "trainning.steps=1")
    assert (code, out, len(err)) == (2, "", 2)


def test_what_is_hardly_meant_is_warned_of_with_its_line_and_accepted(monkeypatch, capsys):
    sigmoid = "game.generator.layers[6].activation=sigmoid"
    code, out, err = dessine(monkeypatch, capsys, "config", "check", CONFIGS / "gan_mnist_dense.yaml", sigmoid)
    assert (code, len(err)) == (0, 1)
    assert out.rstrip().endswith("good, 6,000 steps, 1 warning")
    assert "game.generator.layers[6]: warning: the generator draws 0 to 1, but the images lie in -1 to 1" in err[0]
    assert err[0].split(":")[1].isdecimal()


def test_training_begins_with_the_same_warning(monkeypatch, capsys):
    eta = "game.generator.optimizer.eta=1"
    code, _, err = dessine(monkeypatch, capsys, "train", RING, eta, "data.points=500", "data.test_points=100", "--dry-run")
    assert code == 0
    assert "warning: 1 is far out for adam" in err[0]


@pytest.mark.parametrize("words", [["train"], ["config", "check"], ["config", "show"]], ids=" ".join)
def test_a_sweep_is_told_where_it_belongs(monkeypatch, capsys, words):
    code, out, err = dessine(monkeypatch, capsys, *words, CONFIGS / "sweeps" / "xor_eta.yaml")
    assert (code, out) == (2, "")
    assert len(err) == 1
    assert "describes a sweep, not one run: dessine sweep" in err[0]
