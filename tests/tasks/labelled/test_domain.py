import pytest

from weightspace.tasks.labelled.domain import compare_domains, domain_of, read_domain

MNIST = {"data": {"name": "mnist"}, "convention": {"settings": {"w0": 30.0}, "grid": "corners", "shape": [28, 28]}}


def test_the_domain_of_a_zoo_is_its_data_and_how_its_nets_are_built(tiny_zoo):
    domain = domain_of(tiny_zoo)
    assert set(domain) == {"data", "architectures"} and domain["data"] == {"name": "digits"}
    assert {made["settings"]["activation"] for made in domain["architectures"]} == {"relu", "tanh"}
    assert {made["net"] for made in domain["architectures"]} == {"cnn"}


def test_the_same_domain_has_no_differences():
    assert compare_domains(MNIST, MNIST) == ([], [])


def test_differences_are_named_with_both_values():
    given = {"data": {"name": "digits"}, "convention": {"settings": {"w0": 10.0}, "grid": "corners", "shape": [8, 8]}}
    convention, data = compare_domains(MNIST, given)
    assert convention == [
        "convention.settings.w0 is 10.0 here and was 30.0 in training",
        "convention.shape is [8, 8] here and was [28, 28] in training",
    ]
    assert data == ["data.name is digits here and was mnist in training"]


def test_what_one_does_not_say_is_not_compared():
    assert compare_domains(MNIST, {}) == ([], [])
    assert compare_domains({}, MNIST) == ([], [])


def test_metadata_of_a_file():
    assert read_domain({"data": '{"name": "mnist"}', "space": "abc"}) == {"data": {"name": "mnist"}}
    with pytest.raises(ValueError, match="metadata 'convention' must be JSON text"):
        read_domain({"convention": "w0=30"})
