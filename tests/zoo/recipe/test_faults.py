import pytest

from weightspace.zoo.recipe.faults import Faults


def refuse(text):
    raise TypeError(text)


def test_a_single_fault_is_raised_as_it_is():
    faults = Faults()
    with pytest.raises(TypeError, match=r"^one$"), faults.told():
        assert faults.without(refuse, "one") is None


def test_several_are_told_a_line_each_and_none_twice():
    faults = Faults()
    for text in ("one", "two", "one"):
        faults.without(refuse, text)
    with pytest.raises(ValueError, match=r"^one\ntwo\nthree$"), faults.told():
        raise ValueError("three")


def test_without_faults_nothing_is_raised():
    faults = Faults()
    with faults.told():
        assert faults.without(int, "3") == 3


def test_other_errors_go_through():
    faults = Faults()
    with pytest.raises(KeyError), faults.told():
        faults.without({}.__getitem__, "x")
