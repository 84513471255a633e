"""The training engine."""

from podium.training.augment import augment_batch
from podium.training.engine import discard, train
from podium.training.epoch import Tick
from podium.training.predict import build_from_bundle, predict_probabilities

__all__ = ["Tick", "augment_batch", "build_from_bundle", "discard", "predict_probabilities", "train"]
