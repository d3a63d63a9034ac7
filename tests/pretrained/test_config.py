"""Configurations of whatever is kept: JSON values there and back, and what isn't one."""

import pytest

from tests.graphs.spaces import SPACES
from weightspace.generators.bank import BankConfig
from weightspace.metanets import StatNetConfig, UNFConfig
from weightspace.pretrained.config import SavedConfig, SpacesConfig, read_config


@pytest.mark.parametrize(
    "config",
    [
        SavedConfig(domain={"data": {"sizes": (8, 8)}}),
        SpacesConfig(spaces=(SPACES["mlp"], SPACES["cnn"])),
        StatNetConfig(spaces=(SPACES["mlp"],), labels=("x",), label_mean=(0.5,), label_std=(2.0,)),
        BankConfig(spaces=(SPACES["mlp"],)),
    ],
    ids=lambda config: type(config).__name__,
)
def test_what_is_written_is_read(config):
    assert read_config(type(config), config.to_dict()) == config


def test_unknown_and_missing_keys_are_named():
    with pytest.raises(ValueError, match=r"config.json: a UNFConfig has the keys .*unknown: \['depth'\], missing"):
        read_config(UNFConfig, {"depth": 3})
