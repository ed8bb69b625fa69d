import json

import pytest
from click.testing import CliRunner

from dessine.cli.listing import CONFIG, FAMILIES, command
from dessine.schema import families


def listed(*words, columns="80"):
    return CliRunner().invoke(command, words, env={"COLUMNS": columns})


def test_every_family_of_the_package_is_listed():
    known = {id(family) for family in FAMILIES.values()}
    ours = [f for f in families() if all(m.__module__.startswith("dessine.") for m in f.members.values())]
    assert all(id(family) in known for family in ours)


def test_every_member_is_told():
    told = json.loads(listed("--json").output)
    assert {name: list(members) for name, members in told.items() if name != CONFIG} == {
        name: sorted(family.members) for name, family in FAMILIES.items()
    }
    assert {"experiment", "training", "outputs", "player", "latent", "schedule"} <= set(told[CONFIG])
    assert "described" not in told[CONFIG]  # which is no part of a config


def test_options_tell_what_they_accept_and_their_default():
    dense = json.loads(listed("layers", "--json").output)["layers"]["dense"]["options"]
    assert dense["units"] == {"text": "number of outputs", "accepts": "a whole number of at least 1", "type": "int >= 1"}
    assert (dense["activation"]["accepts"], dense["activation"]["default"]) == ("an activation", "linear")
    assert "[int >= 1; required]" in " ".join(listed("layers").output.split())


def test_the_short_list_tells_whole_sentences():
    told = json.loads(listed("--json").output)
    cut = [member for members in told.values() for member, one in members.items() if one["summary"][-1:] not in ".:)"]
    assert cut == []


def test_schedules_of_all_kinds_of_numbers_are_told_once():
    told = json.loads(listed(CONFIG, "--json").output)[CONFIG]
    assert [name for name in told if "schedule" in name] == ["schedule"]
    assert all(option["text"] for option in told["schedule"]["options"].values())


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_lines_fit_the_terminal(columns):
    result = listed(columns=str(columns))
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= columns


def test_an_unknown_family_is_a_mistake_with_a_suggestion():
    result = listed("layer")
    assert result.exit_code == 2
    assert "did you mean 'layers'?" in result.output
