import pytest

from weightspace.zoo.recipe.ranges import Choices, Range, ends, varies

LAST = 1 - 2**-53  # the largest number below 1


def test_choices_are_drawn_evenly():
    choices = Choices(("a", "b", "c"))
    assert [choices.at(u) for u in (0.0, 0.3, 0.34, 0.66, 0.67, LAST)] == ["a", "a", "b", "b", "c", "c"]
    assert choices.ends == ("a", "b", "c")
    with pytest.raises(ValueError, match="the list of choices must not be empty"):
        Choices(())


def test_a_range_is_even_or_even_in_its_logarithm():
    even, logarithmic = Range(1.0, 3.0), Range(1e-4, 1e-2, log=True)
    assert (even.at(0.0), even.at(0.5)) == (1.0, 2.0)
    assert logarithmic.at(0.5) == pytest.approx(1e-3)
    assert 1e-4 <= logarithmic.at(LAST) <= 1e-2 and even.at(LAST) <= 3.0


@pytest.mark.parametrize("log", [False, True])
def test_whole_numbers_include_both_ends(log):
    whole = Range(2, 5, log=log, whole=True)
    drawn = {whole.at(k / 1000) for k in range(1000)} | {whole.at(LAST)}
    assert drawn == {2, 3, 4, 5}  # and not 6, to which a product just below it is rounded
    assert all(isinstance(value, int) for value in drawn)


def test_ends_that_make_no_range_are_refused():
    with pytest.raises(ValueError, match=r"low must be below high, got low = 2.0 and high = 2.0"):
        Range(2.0, 2.0)
    with pytest.raises(ValueError, match=r"a logarithmic range must start above 0, got low = 0.0"):
        Range(0.0, 1.0, log=True)


def test_fixed_values_do_not_vary():
    assert (varies(3), varies(Choices((3,))), varies(Range(1, 2))) == (False, True, True)
    assert (ends(3), ends(Range(1, 2)), ends(Range(1, 2, whole=True))) == ((3,), (1, 2), (1, 2))
