import pickle

import pytest
import torch
from torch import nn

from tests.zoo import own_nets
from weightspace.nets import NETS, Architecture, build_net, net_class

OWN = "tests.zoo.own_nets:thin"


@pytest.mark.parametrize("name", [*NETS, OWN])
def test_a_net_is_built_again_from_what_it_says(name):
    net = build_net(name)
    complete = Architecture.of(net)
    assert complete.net == name and set(complete.settings) == set(net_class(name).Config.__dataclass_fields__)
    again = Architecture.from_dict(complete.to_dict()).build()
    assert Architecture.of(again) == complete
    again.load_state_dict(net.state_dict())


def test_equal_settings_make_equal_values_whatever_their_order_and_kind_of_list():
    one = Architecture("mlp", {"hidden": (3, 4), "in_features": 2})
    other = Architecture("mlp", {"in_features": 2, "hidden": [3, 4]})
    assert one == other and hash(one) == hash(other) and one.id == other.id and len({one, other}) == 1
    assert one.to_dict() == {"net": "mlp", "settings": {"hidden": [3, 4], "in_features": 2}}
    for different in (
        Architecture("mlp", {"hidden": [3, 4]}),
        Architecture("cnn", one.settings),
    ):
        assert one != different and one.id != different.id


def test_the_name_of_a_space_stays_that_of_zoos_on_disk():
    settings = {"in_features": 2, "hidden": [8], "out_features": 1, "activation": "relu"}
    assert Architecture("mlp", settings).text == (
        '["mlp", {"activation": "relu", "hidden": [8], "in_features": 2, "out_features": 1}]'
    )
    assert Architecture("mlp", settings).id == "db3dbe640495"


def test_it_can_be_pickled_and_its_settings_can_not_be_changed():
    architecture = Architecture("mlp", {"hidden": [3]})
    assert pickle.loads(pickle.dumps(architecture)) == architecture
    with pytest.raises(TypeError, match="does not support item assignment"):
        architecture.settings["hidden"] = [4]


def test_settings_are_those_at_the_time_when_it_was_made():
    settings = {"hidden": [3]}
    architecture = Architecture("mlp", settings)
    settings["hidden"].append(4)
    assert architecture.settings == {"hidden": [3]}


def test_what_a_factory_draws_depends_on_the_seed():
    one, same, other = (Architecture(OWN, {"width": 2}).build(seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["1.scale"], other["1.scale"])


def test_only_what_build_made_has_an_architecture():
    with pytest.raises(TypeError, match=r"must be one of mlp, .* or made by a net factory, got Linear"):
        Architecture.of(nn.Linear(2, 2))
    with pytest.raises(TypeError, match="got Sequential"):
        Architecture.of(nn.Sequential(*own_nets.thin()))
    assert Architecture.of(own_nets.thin()).net.endswith(":thin")


def test_text_from_outside_is_read_by_its_types():
    with pytest.raises(ValueError, match=r"architecture must have the keys net, settings; missing: \['settings'\]"):
        Architecture.from_dict({"net": "mlp"})
    with pytest.raises(ValueError, match="architecture: net must be text, got 3"):
        Architecture.from_dict({"net": 3, "settings": {}})
    with pytest.raises(ValueError, match="architecture: settings must be a table, got 7"):
        Architecture.from_dict({"net": "mlp", "settings": 7})
