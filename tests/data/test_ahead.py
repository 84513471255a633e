"""Making the next thing while the present one is used."""

import threading

import pytest

from podium.data.ahead import one_ahead


def test_everything_comes_in_order_also_what_is_nothing():
    assert list(one_ahead([3, None, 0, "", 1])) == [3, None, 0, "", 1]
    assert list(one_ahead([])) == []


def test_one_thing_is_made_meanwhile_and_no_more():
    made, second = [], threading.Event()

    def things():
        for number in range(5):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    given = one_ahead(things())
    assert next(given) == 0
    assert second.wait(10)
    assert made == [0, 1]
    given.close()


def test_an_error_is_raised_where_the_thing_is_wanted():
    def things():
        yield 1
        raise OSError("gone")

    given = one_ahead(things())
    assert next(given) == 1
    with pytest.raises(OSError, match="gone"):
        next(given)
