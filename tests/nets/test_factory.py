import pytest
import torch
from torch import nn

from tests.zoo import own_nets
from weightspace.nets import Architecture, NetFactory, build_net, example_inputs, net_class, net_factory

PATH = "tests.zoo.own_nets:thin"


def test_a_factory_is_found_by_its_path_and_still_a_function():
    assert own_nets.thin.path == PATH
    assert net_class(PATH) is own_nets.thin
    assert isinstance(own_nets.thin(width=2), nn.Module)
    net = build_net(PATH, width=3, hidden=[4])
    assert Architecture.of(net).settings == {"width": 3, "norm": False, "hidden": [4]}
    assert [x.shape for x in example_inputs(net)] == [(2, 1, 8, 8)]
    assert net(example_inputs(net)[0]).shape == (2, 10)


def test_what_it_draws_depends_on_the_seed_alone():
    config = own_nets.thin.Config(width=3)
    torch.manual_seed(5)
    first, state = own_nets.thin.build(config, 7).state_dict(), torch.get_rng_state()
    torch.manual_seed(5)
    assert torch.equal(state, torch.get_rng_state())  # the caller's own draws are left alone
    again, other = own_nets.thin.build(config, 7).state_dict(), own_nets.thin.build(config, 8).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["1.scale"], other["1.scale"])


def test_settings_are_checked_by_their_types():
    with pytest.raises(TypeError, match="width must be a whole number, got 'x'"):
        build_net(PATH, width="x")
    with pytest.raises(ValueError, match="unknown key 'depth' for thin; known are hidden, norm, width"):
        build_net(PATH, depth=3)
    with pytest.raises(TypeError, match=r"nothing must return an nn\.Module, but returned NoneType"):
        build_net("tests.zoo.own_nets:nothing")


def test_only_marked_functions_of_imported_modules_are_found():
    with pytest.raises(ValueError, match=r"no file can make weightspace import one.*'import nowhere' first"):
        net_class("nowhere:net")
    with pytest.raises(ValueError, match="has no net factory 'unmarked': mark the function"):
        net_class("tests.zoo.own_nets:unmarked")
    with pytest.raises(ValueError, match="os has no net factory 'system'"):
        net_class("os:system")


def test_functions_that_no_other_process_finds_are_refused():
    with pytest.raises(ValueError, match="cannot be found again by its name: write a def at the top"):
        net_factory(inputs=(3,))(lambda: nn.Linear(3, 3))

    def inner() -> nn.Module:
        return nn.Linear(3, 3)

    with pytest.raises(ValueError, match="inner cannot be found again"):
        NetFactory(inner, (3,))
    script = make_main()
    with pytest.raises(ValueError, match=r"in_script lies in the script that runs \(__main__\).*move it"):
        _ = script.path


def make_main() -> NetFactory:
    namespace = {"__name__": "__main__", "nn": nn}
    exec("def in_script() -> nn.Module: return nn.Linear(3, 3)", namespace)
    return NetFactory(namespace["in_script"], (3,))


def test_parameters_must_have_types():
    with pytest.raises(TypeError, match="parameter width must have a type or a default"):
        NetFactory(untyped, (3,))
    with pytest.raises(TypeError, match=r"may not take \*rest"):
        NetFactory(open_ended, (3,))
    with pytest.raises(ValueError, match="task must be one of classify, fit, got 'draw'"):
        NetFactory(own_nets.unmarked, (3,), "draw")


def untyped(width):
    return nn.Linear(3, width)


def open_ended(**rest):
    return nn.Linear(3, 3)


def test_the_code_of_a_factory_has_a_digest():
    assert own_nets.thin.code != own_nets.few.code
    assert len(make_main().code) == 16  # no source file: its bytes
