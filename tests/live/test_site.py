"""What a watch answers, and to whom: no socket is needed to ask it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

from dessine.live.shelf import Shelf
from dessine.live.site import ALWAYS, Site
from dessine.reports.run_page import WIDE

HERE = {"Host": "127.0.0.1:8000"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(Shelf(tmp_path / "runs"))


def ask(site: Site, target: str, **headers: str):
    return site.answer(target, HERE | {name.replace("_", "-"): value for name, value in headers.items()})


def told(site: Site, target: str):
    answer = ask(site, target)
    assert answer.status == 200
    return json.loads(answer.body)


def test_the_list_is_empty_before_the_first_run_and_fills_by_itself(site, make_run):
    first = told(site, "/api/list?since=")
    assert (first["names"], first["cards"]) == ([], [])
    make_run("a", samples=[10])
    site._lists[""]._stale = 0.0  # as if time had gone by
    then = told(site, f"/api/list?since={first['stamp']}")
    assert then["names"] == ["a"]
    assert "step_0000010.png" in then["cards"][0][2]


def test_only_what_has_changed_is_told_again(site, make_run):
    make_run("a")
    b = make_run("b")
    first = told(site, "/api/list?since=")
    (b / "metrics.jsonl").write_text('{"step": 10, "test_success": 0.25}\n')
    site._lists[""]._stale = 0.0
    then = told(site, f"/api/list?since={first['stamp']}")
    assert [card[0] for card in then["cards"]] == ["b"]
    assert then["names"] is None
    shutil.rmtree(b)
    site._lists[""]._stale = 0.0
    assert told(site, f"/api/list?since={then['stamp']}")["names"] == ["a"]


@pytest.mark.parametrize("since", ["", "x", "-1", "99-99", "٣-٤", "0" * 500])
def test_a_strange_stamp_gets_everything(site, make_run, since):
    make_run("a")
    assert len(told(site, f"/api/list?since={quote(since)}")["cards"]) == 1


def test_a_run_is_told_in_pieces(site, make_run):
    make_run("a", samples=[0, 10], success=[0.5, 0.75], command="dessine train <x>")
    made = told(site, "/api/run/a")
    assert made["steps"] == [0, 10]
    assert made["status"] == "completed"
    assert "0.75" in made["pieces"]["results"]
    assert "<svg" in made["pieces"]["curves"]
    assert "dessine train &lt;x&gt;" in made["pieces"]["origin"]


def test_what_is_wide_on_a_phone_is_said_in_one_place(site, make_run):
    make_run("a", samples=[10])
    assert f'<section class="samples" data-wide="{WIDE}" hidden>' in ask(site, "/run/a").body.decode()
    script = ask(site, "/watch.js").body.decode()
    assert "this.box.dataset.wide * next.naturalHeight" in script
    assert str(WIDE) not in script


def test_notes_and_tags_stand_on_the_card_and_on_the_page(site, make_run):
    path = make_run("a")
    told(site, "/api/list")
    (path / "notes.json").write_text(
        '{"notes": [{"time": "2026-11-26T10:00:00+00:00", "text": "blobs <b>"}], "tags": ["lesson"]}'
    )
    site._lists[""]._stale = 0.0
    assert "lesson · blobs &lt;b&gt;" in told(site, "/api/list")["cards"][0][2]
    assert "blobs &lt;b&gt;" in told(site, "/api/run/a")["pieces"]["head"]


def test_what_has_not_changed_is_not_sent_again(site, make_run):
    path = make_run("a")
    first = ask(site, "/api/run/a")
    assert ask(site, "/api/run/a", If_None_Match=first.headers["ETag"]).status == 304
    with (path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "test_success": 0.99}\n')
    then = ask(site, "/api/run/a", If_None_Match=first.headers["ETag"])
    assert then.status == 200
    assert b"0.99" in then.body


def test_a_run_that_goes_while_it_is_watched_is_said_to_be_gone(site, make_run):
    path = make_run("a")
    assert "gone" not in told(site, "/api/run/a")
    shutil.rmtree(path)
    assert "removed" in told(site, "/api/run/a")["gone"]
    assert ask(site, "/run/a").status == 404


@pytest.mark.parametrize(
    "name", ["run.json", "metrics.jsonl", "summary.json", "config.yaml", "source.yaml", "log.txt", "samples"]
)
@pytest.mark.parametrize("how", ["bytes", "gone", "folder", "link", "pipe"])
def test_whatever_is_damaged_the_rest_is_shown(site, make_run, tmp_path, name, how):
    path = make_run("a", samples=[10])
    make_run("b")
    for written in ("summary.json", "source.yaml", "log.txt"):
        (path / written).write_text("{}")
    told(site, "/api/run/a")
    at = path / name
    shutil.rmtree(at) if at.is_dir() else at.unlink()
    if how == "bytes":
        at.write_bytes(b'\xff{"status": [<b>')
    elif how == "folder":
        at.mkdir()
    elif how == "link":
        (tmp_path / "elsewhere").write_text("secret words")
        at.symlink_to(tmp_path / "elsewhere")
    elif how == "pipe":
        os.mkfifo(at)
    answer = ask(site, "/api/run/a")
    if name == "config.yaml" and how == "gone":
        assert b"is missing" in answer.body
    assert answer.status == 200
    assert b"secret words" not in answer.body
    assert b"cannot be shown" not in answer.body  # each piece knows an answer of its own
    assert len(told(site, "/api/list")["cards"]) == 2


def test_pictures_come_from_runs_alone(site, make_run, tmp_path):
    path = make_run("a", samples=[10])
    assert ask(site, "/file/a/samples/step_0000010.png").body.startswith(b"\x89PNG")
    (tmp_path / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\nsecret")
    (path / "samples/step_0000020.png").symlink_to(tmp_path / "secret.png")
    (path / "samples/step_0000030.png").write_bytes(b"no picture")
    (path / "linked").symlink_to(tmp_path)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/samples").mkdir()
    (tmp_path / "outside/samples/step_0000010.png").write_bytes(b"\x89PNG\r\n\x1a\nsecret")
    (tmp_path / "outside/config.yaml").write_text("{}")
    (tmp_path / "runs/out").symlink_to(tmp_path / "outside")
    for target in (
        "/file/a/samples/step_0000020.png",
        "/file/a/samples/step_0000030.png",
        "/file/a/run.json",
        "/file/a/samples/../run.json",
        "/file/a/../../secret.png",
        "/file/../secret.png",
        "/file/..%2fsecret.png",
        "/file/%2e%2e/secret.png",
        "/file/a/%2e%2e%2f%2e%2e/secret.png",
        "/file/a/..%252f..%252fsecret.png",
        "/file/a/linked/secret.png",
        "/file/a/samples%00/step_0000010.png",
        "/file/a/samples/%00",
        "/file/out/samples/step_0000010.png",
        f"/file/{quote(str(tmp_path), safe='')}/secret.png",
        f"/file//{tmp_path}/secret.png",
        "/file/a\\..\\..\\secret.png",
        "/file/.hidden/samples/step_0000010.png",
        "/file/a/samples/",
        "/file/",
        "/watch.py",
        "/../../etc/passwd",
    ):
        answer = ask(site, target)
        assert (answer.status, b"secret" in answer.body) == (404, False), target
    for target in (
        "/run/out",
        "/api/run/out",
        "/run/..",
        "/api/run/../runs/a",
        "/api/list/..",
        "/api/list/a",
        "/beside?a=a&b=..",
    ):
        answer = ask(site, target)
        assert answer.status == 404 or b'"gone"' in answer.body, target
    out = next(card for card in told(site, "/api/list")["cards"] if card[0] == "out")
    assert "leads out of" in out[2]


@pytest.mark.parametrize("host", ["localhost:9", "LOCALHOST", "127.0.0.1", "[::1]:80", "192.168.1.5:8000"])
def test_its_own_names_and_plain_addresses_are_answered(site, host):
    assert site.answer("/", {"Host": host}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "evil.example"},
        {"Host": "evil.example:8000"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example"},
        {"Host": "[::1"},
        {"Host": "x@evil.example"},
        {"Host": "127.0.0.1:8000", "Origin": "http://evil.example"},
        {"Host": "127.0.0.1:8000", "Origin": "null"},
        {"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:9000"},
        {"Host": "127.0.0.1:8000", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_other_origins_and_names_made_to_lead_here_are_refused(site, make_run, headers):
    make_run("a")
    for target in ("/", "/api/list", "/api/run/a", "/watch.js"):
        answer = site.answer(target, headers)
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in ALWAYS | answer.headers


def test_a_link_from_another_page_may_open_it(site):
    assert ask(site, "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status == 200
    assert ask(site, "/", Origin="http://127.0.0.1:8000").status == 200


def test_a_token_is_asked_for_once_and_then_a_cookie_stands_for_it(tmp_path, make_run):
    make_run("a")
    site = Site(Shelf(tmp_path / "runs"), ("box",), "right")
    for target in ("/", "/api/list", "/watch.js", "/run/a", "/?token=wrong", "/?token=", "/?token=%ff", "/?token=righ%C3%A9"):
        assert site.answer(target, {"Host": "box"}).status == 403, target
    come = site.answer("/run/a?token=right", {"Host": "box"})
    assert (come.status, come.headers["Location"]) == (303, "/run/a")
    cookie, *rules = come.headers["Set-Cookie"].split("; ")
    assert "HttpOnly" in rules
    assert site.answer("/run/a", {"Host": "box", "Cookie": f"x=y; {cookie}"}).status == 200
    assert site.answer("/run/a", {"Host": "box", "Cookie": f"{cookie}x"}).status == 403
    assert site.answer("//evil.example?token=right", {"Host": "box"}).headers["Location"] == "/evil.example"


def test_two_runs_stand_side_by_side_with_what_differs(site, make_run):
    make_run("a", spec={"training.steps": 100})
    make_run("b", spec={"training.steps": 200}, seed=3)
    made = ask(site, "/beside?a=a&b=b").body.decode()
    assert made.count('class="run"') == 2
    assert "training.steps" in made
    assert ask(site, "/beside?a=a&b=c").status == 404
    assert ask(site, "/beside").status == 404


@pytest.mark.parametrize("name", ["é å", "a&b=c", "<b>", "100%", "a?b#c", "'\"", "名前", "a+b", "%2e%2e"])
def test_every_name_has_an_address(site, make_run, name):
    make_run(name, samples=[10])
    card = told(site, "/api/list")["cards"][0]
    assert card[0] == name
    assert "<b>" not in card[2]
    for kind in ("run", "api/run"):
        assert ask(site, f"/{kind}/{quote(name)}").status == 200
    assert told(site, f"/api/run/{quote(name)}")["steps"] == [10]
    assert ask(site, f"/file/{quote(name)}/samples/step_0000010.png").status == 200


def test_a_name_of_bytes_that_are_no_letters_has_one_too(site, make_run):
    path = make_run("a", samples=[10])
    os.rename(os.fsencode(path), os.fsencode(path.parent) + b"/\xff")
    assert len(told(site, "/api/list")["cards"]) == 1
    assert told(site, "/api/run/%FF")["steps"] == [10]
    assert ask(site, "/run/%FF").status == 200


def test_one_run_alone_is_all_that_is_shown(make_run, tmp_path):
    path = make_run("a")
    make_run("b")
    site = Site(Shelf(path.parent, path))
    assert b"/api/run/a" in ask(site, "/").body
    assert ask(site, "/run/b").status == 404
    shutil.rmtree(path)
    assert ask(site, "/").status == 404


def test_of_repeats_that_train_apart_the_first_is_shown(site, make_run):
    path = make_run("a", repeats=2, success=[])
    (path / "metrics.jsonl").unlink()
    first = make_run("a/repeats/0000", samples=[10, 20], success=[0.25])
    made = told(site, "/api/run/a")
    assert made["steps"] == [10, 20]
    assert "0.25" in made["pieces"]["results"]
    assert "those of the first" in made["pieces"]["head"]
    assert ask(site, made["files"] + "step_0000020.png").status == 200
    assert "repeats/0000/samples" in told(site, "/api/list")["cards"][0][2]
    (first / "metrics.jsonl").rename(path / "metrics.jsonl")  # put together
    assert "those of the first" not in told(site, "/api/run/a")["pieces"]["head"]


def test_cells_of_a_sweep_fill_a_grid_that_knows_what_is_to_come(site, make_sweep):
    path = make_sweep("s", {"one": {"overrides": ["training.steps=10", "seed=0"], "seed": 0, "samples": [10]}})
    sweep = {"base": "base.yaml", "axes": {"grid": {"training.steps": [10, 20, 30]}}, "seeds": 2}
    (path / "sweep.yaml").write_text(json.dumps(sweep))
    made = told(site, "/api/list/s")
    assert [card[1] for card in made["cards"]] == ["completed", "planned", "planned", "planned", "planned", "planned"]
    assert made["columns"] == 2
    assert "steps=20, seed 1" in made["cards"][3][2]
    assert "5 to come" in made["head"]
    assert told(site, "/api/run/s/cells/one")["steps"] == [10]
    assert ask(site, "/file/s/cells/one/samples/step_0000010.png").status == 200
    assert ask(site, "/run/s").status == 200
    (path / "sweep.yaml").write_text("{")
    site._lists["s"]._stale = 0.0
    assert [card[1] for card in told(site, "/api/list/s")["cards"]] == ["completed"]


def test_a_sweep_shows_what_it_has_found_so_far(site, make_sweep):
    cells = {f"{i}": {"overrides": [f"training.steps={10 * (i + 1)}", "seed=0"], "seed": 0} for i in range(3)}
    path = make_sweep("s", {**cells, "late": {"overrides": ["training.steps=40", "seed=0"], "seed": 0, "status": "running"}})
    axes = {"grid": {"training.steps": [10, 20, 30, 40]}}
    (path / "sweep.yaml").write_text(json.dumps({"base": "base.yaml", "axes": axes}))
    for i in range(3):
        (path / "cells" / f"{i}" / "summary.json").write_text(json.dumps({"last": {"test_success": 0.3 + i / 10}}))
    first = told(site, "/api/list/s")
    assert "test_success by setting" in first["found"]
    assert first["found"].index("0.5<") < first["found"].index("0.4<") < first["found"].index("0.3<")  # the best first
    site._lists["s"]._stale = 0.0
    assert "found" not in told(site, f"/api/list/s?since={first['stamp']}")  # nothing has come

    (path / "plots").mkdir()
    Image.new("RGB", (8, 6)).save(path / "plots" / "effects_test_success.png")
    site._lists["s"]._stale = 0.0
    then = told(site, f"/api/list/s?since={first['stamp']}")
    assert then["cards"] == []
    assert "test_success along each axis" in then["found"]
    address = then["found"].partition('src="')[2].partition('"')[0]
    assert ask(site, address).status == 200

    (path / "cells" / "1" / "summary.json").write_text("{")
    (path / "sweep.yaml").write_text("{")
    site._lists["s"]._stale = 0.0
    last = told(site, "/api/list/s")["found"]
    assert "cannot be told" in last
    assert "test_success along each axis" in last


def test_every_page_forbids_itself_to_load_from_elsewhere(site, make_run):
    make_run("a")
    policy = ALWAYS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for target in ("/", "/run/a"):
        made = ask(site, target).body.decode()
        assert "<script>" not in made
        assert "style=" not in made
        assert "http" not in made.replace("http-equiv", "")
