"""In which order effects stand, where that can be heard."""

from dialin.matching.order import best_order


def test_neighbours_change_places_where_that_is_heard():
    wanted = (2, 0, 1)

    def distance(order):
        return 1.0 + 0.2 * sum(order.index(a) > order.index(b) for a, b in ((2, 0), (2, 1), (0, 1)))

    found = best_order((0, 1, 2), distance((0, 1, 2)), lambda slot: slot == 2, distance)
    assert found.slots == wanted
    assert {(first, second) for first, second, _ in found.swaps} == {(2, 1), (2, 0)}
    # Linear ones commute, so nobody asks; and what makes no difference stays as it was.
    assert best_order((0, 1), 1.0, lambda slot: False, lambda order: 0.0).slots == (0, 1)
    same = best_order((0, 1), 1.0, lambda slot: True, lambda order: 0.99)
    assert same.slots == (0, 1) and not same.swaps and not same.told
    told = best_order((0, 1), 1.0, lambda slot: True, lambda order: 1.5)
    assert told.told == ((0, 1, 0.5),)
    assert best_order((0, 1, 2), 1.0, lambda slot: True, lambda order: None).slots == (0, 1, 2)
