"""One door for everything saved, and two that say what comes."""

import pytest

from tests.generators.cases import make
from tests.graphs.spaces import SPACES
from weightspace import load_metanet
from weightspace.generators import Soup, load_generator
from weightspace.metanets import StatNet
from weightspace.metanets import load_metanet as load_reader


@pytest.fixture
def folders(tmp_path):
    """A saved metanet and a saved generator."""
    StatNet.for_spaces(SPACES["mlp"], width=8).save_pretrained(tmp_path / "reads")
    make("Soup").save_pretrained(tmp_path / "writes")
    return tmp_path / "reads", tmp_path / "writes"


def test_both_kinds_come_through_one_door(folders):
    assert [type(load_metanet(folder)) for folder in folders] == [StatNet, Soup]
    assert type(load_reader(folders[0])) is StatNet
    assert type(load_generator(folders[1])) is Soup


def test_the_other_kind_is_refused_with_the_door_that_takes_it(folders):
    with pytest.raises(ValueError, match=r"a metanet 'Soup'; known are SpaceNet.*with weightspace.generators.load_gen"):
        load_reader(folders[1])
    with pytest.raises(ValueError, match=r"a StatNet, which writes no weights.*with weightspace.metanets.load_metanet"):
        load_generator(folders[0])


def test_an_unknown_class_is_refused_by_all_names(folders):
    config = folders[0] / "config.json"
    config.write_text(config.read_text().replace('"StatNet"', '"Oracle"'))
    with pytest.raises(ValueError, match=r"holds a metanet 'Oracle'; known are SpaceNet, .*Flow"):
        load_metanet(folders[0])
