from weightspace.zoo.recipe.seeds import draw_seed, draw_uniform


def test_seeds_are_the_same_on_every_machine():
    assert draw_seed(0, 0, "lr") == 4240458862771497255
    assert draw_seed(7, 123, "split") == 3954535265341618082


def test_seed_net_and_key_all_matter():
    drawn = {draw_seed(seed, net, key) for seed in (0, 1) for net in (0, 1, 11) for key in ("lr", "l", "r")}
    assert len(drawn) == 18 and all(0 <= seed < 2**62 for seed in drawn)


def test_uniform_numbers_are_even():
    drawn = [draw_uniform(0, net, "lr") for net in range(2000)]
    assert 0 <= min(drawn) < 0.01 and 0.99 < max(drawn) < 1
    assert abs(sum(drawn) / 2000 - 0.5) < 0.03
