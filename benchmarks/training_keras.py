"""Keras's part of ``training.py``, run by an interpreter that has TensorFlow; it needs nothing of Podium.

    PYTHON training_keras.py ARRAYS

ARRAYS is an .npz with images (uint8 N×H×W×3), labels (int64 N) and settings (a JSON text). Each line on standard input
trains one epoch with ``model.fit`` and is answered by a line on standard output; the first line that is written tells
the versions. Augmentation is Keras's preprocessing layers in the input pipeline, as its guides advise on a CPU.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def network(settings: dict[str, Any], shape: tuple[int, ...]) -> keras.Model:
    """The family ``cnn_blocks`` with the recipe's options, whose parameters must be as many as Podium's."""
    options = settings["options"]

    def activation(norm: str) -> list[layers.Layer]:
        relu, batch_norm = layers.ReLU(), layers.BatchNormalization()
        return {"none": [relu], "before_relu": [batch_norm, relu], "after_relu": [relu, batch_norm]}[norm]

    stack: list[Any] = [keras.Input(shape), layers.Normalization(mean=settings["mean"], variance=settings["variance"])]
    for filters in options["filters"]:
        for _ in range(options["convolutions"]):
            stack += [layers.Conv2D(filters, 3, padding="same"), *activation(options["norm"])]
        stack += [layers.MaxPooling2D(), layers.Dropout(options["block_dropout"])]
    stack.append(layers.GlobalAveragePooling2D() if options["pooling"] == "average" else layers.Flatten())
    stack += [layers.Dropout(options["dropout_before"]), layers.Dense(options["dense"], activation="relu")]
    stack += [layers.BatchNormalization()] if options["dense_norm"] else []
    stack += [layers.Dropout(options["dropout_after"]), layers.Dense(settings["classes"])]
    model = keras.Sequential(stack)
    # Keras counts the normalization's three constants (of which one is a counter), too.
    found = sum(layer.count_params() for layer in model.layers if not isinstance(layer, layers.Normalization))
    assert found == settings["parameters"], f"{found} parameters rather than {settings['parameters']}"
    return model


def batches(images: np.ndarray, labels: np.ndarray, settings: dict[str, Any]) -> tf.data.Dataset:
    """Shuffled and augmented as the recipe asks: flip, rotation, zoom, shift."""
    augment = settings["augment"]
    fill = {"fill_mode": "nearest"}
    changes = [
        *([layers.RandomFlip("horizontal")] if augment["flip"] else []),
        *([layers.RandomRotation(augment["rotation"] / 360, **fill)] if augment["rotation"] else []),
        *([layers.RandomZoom(augment["zoom"], **fill)] if augment["zoom"] else []),
        *([layers.RandomTranslation(augment["shift"], augment["shift"], **fill)] if augment["shift"] else []),
    ]

    def change(pixels: tf.Tensor, truth: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = tf.cast(pixels, tf.float32)
        for layer in changes:
            pixels = layer(pixels, training=True)
        return pixels, truth

    data = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(labels)).batch(settings["batch_size"])
    return data.map(change, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def main() -> None:
    """Answer lines with epochs until there are none."""
    with np.load(sys.argv[1], allow_pickle=False) as arrays:
        images, labels, settings = arrays["images"], arrays["labels"], json.loads(str(arrays["settings"]))
    tf.config.threading.set_intra_op_parallelism_threads(settings["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(settings["threads"])
    keras.utils.set_random_seed(0)
    model = network(settings, images.shape[1:])
    optimizer = keras.optimizers.get({"class_name": settings["optimizer"], "config": {"learning_rate": 1e-3}})
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if settings["label_smoothing"]:
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings["label_smoothing"])
        labels = keras.utils.to_categorical(labels, settings["classes"])
    model.compile(optimizer, loss)
    data = batches(images, labels, settings)
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}", flush=True)
    for _ in sys.stdin:
        history = model.fit(data, verbose=0)
        print(json.dumps({"loss": history.history["loss"][0]}), flush=True)


if __name__ == "__main__":
    main()
