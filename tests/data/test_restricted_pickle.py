"""The reader of pickles: what is data, and how deep it may be."""

import pickle

import numpy as np
import pytest

from podium.data.sources.restricted_pickle import ForbiddenPickle, load_dict


def test_pickles_of_many_tuples_are_data():
    value = {
        "data": np.zeros((4, 12), np.uint8),
        "names": [b"\xe9%d" % i for i in range(3000)],
        "pairs": [((1,), 2)] * 9,
    }
    for protocol in (2, 3, 4):
        found = load_dict(pickle.dumps(value, protocol))
        assert (found["data"] == value["data"]).all()
        assert (found["names"], found["pairs"]) == (value["names"], value["pairs"])
    deep = ()
    for _ in range(10):
        deep = (deep,)
    for depth in (deep[0][0], (deep, 1, 2, 3), {"x": [(deep,)]}):
        content = pickle.dumps({"x": depth}, 2)
        if depth == deep[0][0]:
            assert load_dict(content)["x"] == depth
        else:
            with pytest.raises(ForbiddenPickle, match="tuples within tuples, more than 10 deep"):
                load_dict(content)
    with pytest.raises(ValueError, match="an instruction without its objects"):
        load_dict(b"\x80\x02\x86.")
