"""What can be wrong with a data set, and which expectation of the default suite says so, of which images."""

import numpy as np


def shape(arrays):
    arrays["test"] = arrays["test"][0][:, :6], arrays["test"][1]


def dtype(arrays):
    arrays["validation"] = arrays["validation"][0].astype(np.float32), arrays["validation"][1]


def gray_channel(arrays):
    arrays["train"] = arrays["train"][0][..., :1], arrays["train"][1]


def label_missing(arrays):
    arrays["train"] = arrays["train"][0], arrays["train"][1][:-1]


def empty_split(arrays):
    arrays["test"] = arrays["test"][0][:0], arrays["test"][1][:0]


def absent_split(arrays):
    del arrays["test"]


def gray_test(arrays):
    arrays["test"][0][:] = arrays["test"][0][..., :1]


def label_out_of_range(arrays):
    arrays["validation"][1][[4, 9]] = 3, -1


def class_absent(arrays):
    arrays["test"][1][arrays["test"][1] == 2] = 0


def rare_class(arrays):
    arrays["test"][1][np.flatnonzero(arrays["test"][1] == 2)[1:]] = 0


def imbalance(arrays):
    arrays["train"][1][np.flatnonzero(arrays["train"][1] == 2)[5:]] = 0


def scaled_to_one(arrays):
    for pixels, _ in arrays.values():
        pixels[:] = pixels > 100


def narrow(arrays):
    arrays["test"][0][:] = 100 + arrays["test"][0] // 8


def other_statistics(arrays):
    for pixels, _ in arrays.values():
        pixels[:] = pixels // 3


def darker_test(arrays):
    arrays["test"][0][:] = arrays["test"][0] // 3


def black_and_red(arrays):
    arrays["train"][0][7] = 0
    arrays["train"][0][11] = 255, 0, 0


def faint(arrays):
    arrays["validation"][0][5] = 90
    arrays["validation"][0][5, 0, 0] = 92


def repeated(arrays):
    arrays["train"][0][3] = arrays["train"][0][0]


def leaked(arrays):
    arrays["test"][0][[2, 8]] = arrays["train"][0][[5, 17]]


def contradiction(arrays):
    arrays["train"][0][1] = arrays["train"][0][0]


def other_shares(arrays):
    labels = arrays["test"][1]
    labels[np.flatnonzero(labels == 1)[:7]] = 0
    labels[np.flatnonzero(labels == 2)[:5]] = 0


def brightened_copy(arrays):
    arrays["train"][0][3] = np.clip(arrays["train"][0][0] * 1.04 + 2, 0, 255).astype(np.uint8)
    arrays["train"][1][3] = arrays["train"][1][0]


def brightened_leak(arrays):
    arrays["test"][0][6] = np.clip(arrays["train"][0][9] * 1.04 + 2, 0, 255).astype(np.uint8)


def near_contradiction(arrays):
    arrays["train"][0][1] = np.clip(arrays["train"][0][0] * 1.04 + 2, 0, 255).astype(np.uint8)


def far_from_all(arrays):
    arrays["validation"][0][2] = 255 - arrays["validation"][0][2] // 16


def relabelled(arrays):
    arrays["train"][1][[6, 20]] = 1, 0


DATA = [
    ("structure", "critical", "test", shape, []),
    ("structure", "critical", "validation", dtype, []),
    ("structure", "critical", "train", gray_channel, []),
    ("structure", "critical", "train", label_missing, []),
    ("structure", "critical", "test", empty_split, []),
    ("structure", "critical", "test", absent_split, []),
    ("grayscale", "warning", "test", gray_test, []),
    ("label_set", "critical", "validation", label_out_of_range, [4, 9]),
    ("all_classes", "critical", "test", class_absent, []),
    ("all_classes", "critical", "test", rare_class, []),
    ("class_ratio", "critical", "train", imbalance, []),
    ("class_shares", "warning", "test", other_shares, []),
    ("value_range", "critical", "train", scaled_to_one, []),
    ("value_span", "warning", "test", narrow, []),
    ("own_normalization", "critical", "train", other_statistics, []),
    ("split_shift", "warning", "test", darker_test, []),
    ("constant", "critical", "train", black_and_red, [7, 11]),
    ("faint", "warning", "validation", faint, [5]),
    ("duplicates_within", "warning", "train", repeated, [3]),
    ("duplicates_across", "critical", "test", leaked, [2, 8]),
    ("near_duplicates_within", "info", "train", brightened_copy, [3]),
    ("near_duplicates_across", "warning", "test", brightened_leak, [6]),
    ("contradictions", "warning", "train", contradiction, [0, 1]),
    ("near_contradictions", "info", "train", near_contradiction, [0, 1]),
    ("outliers", "info", "validation", far_from_all, [2]),
    ("mislabelled", "info", "train", relabelled, [6, 20]),
]

CONTRACTS = [
    ("normalization", "critical", {"mean": (125.0, 120.0, 110.0), "std": (60.0, 60.0, 60.0)}),
    ("normalization", "critical", {"std": (0.0, 0.2, 0.2)}),
    ("normalization", "critical", {"mean": (0.0,) * 3, "std": (1.0,) * 3, "trained_range": (-1.0, 1.0)}),
    ("foreign_normalization", "warning", {"mean": (0.0, 0.0, 0.0), "std": (0.1, 0.1, 0.1)}),
    ("class_names", "critical", {"class_names": ("middle", "left", "right")}),
    ("class_names", "critical", {"class_names": ("left", "middle")}),
    ("same_size", "info", {"height": 64, "width": 64}),
]

ORIGINALS = [
    ("enlarged", "info", {"widths": np.full(24, 2, np.int32), "heights": np.full(24, 2, np.int32)}),
    ("distorted", "info", {"widths": np.full(24, 100, np.int32)}),
    ("file_properties", "warning", {"modes": ["CMYK"] * 24}),
]
