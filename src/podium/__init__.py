"""Podium: from an image data set to a reviewed, promoted classifier."""

__version__ = "0.1.0"
