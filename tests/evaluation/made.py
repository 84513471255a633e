"""Small figures for tests."""

from __future__ import annotations

from podium.evaluation.records import Cost, Latency, Timing
from podium.results import ClassMetrics, EpochRecord, Metrics, ReliabilityBin, SplitName, TrainingSummary

DIGEST = "d" * 64


def metrics(
    candidate: str = "net", split: SplitName = "validation", *, correct: int = 90, loss: float = 0.3, f1: float = 0.9
) -> Metrics:
    """Figures of 100 images with two classes."""
    share = correct / 100
    return Metrics(
        candidate=candidate,
        split=split,
        data_digest=DIGEST,
        count=100,
        loss=loss,
        accuracy=share,
        accuracy_low=share - 0.05,
        accuracy_high=min(1.0, share + 0.05),
        macro_precision=share,
        macro_recall=share,
        macro_f1=f1,
        weighted_precision=share,
        weighted_recall=share,
        weighted_f1=f1,
        ece=0.05,
        brier=0.2,
        reliability=(ReliabilityBin(low=0, high=1, count=100, confidence=share - 0.05, accuracy=share),),
        per_class=tuple(ClassMetrics(name=n, precision=share, recall=share, f1=share, support=50) for n in "ab"),
        confusion=((50, 0), (100 - correct, correct - 50)),
        milliseconds_per_image=0.5,
    )


def summary(candidate: str = "net", *, epochs: int = 3, fine_tune: bool = False) -> TrainingSummary:
    """A short history that improves."""
    history = tuple(
        EpochRecord(
            phase="train" if not fine_tune else "head" if epoch <= epochs // 2 else "fine_tune",
            epoch=epoch,
            train_loss=2.0 / epoch,
            train_accuracy=1 - 0.8 / epoch,
            validation_loss=2.2 / epoch,
            validation_accuracy=1 - 0.9 / epoch,
            learning_rate=1e-3,
            seconds=1.5,
        )
        for epoch in range(1, epochs + 1)
    )
    return TrainingSummary(
        candidate=candidate,
        recipe=candidate,
        parameters=315_722,
        trainable_parameters=315_722,
        epochs=epochs,
        best_epoch=epochs,
        stopped_early=False,
        train_seconds=1.5 * epochs,
        images_per_second=1000.0,
        device="cpu",
        threads=1,
        seed=0,
        resumed_from=None,
        history=history,
    )


def cost(*, p50: float = 2.0) -> Cost:
    """Of a small network."""
    latencies = (
        Latency(batch=1, repetitions=200, p50=p50, p95=1.5 * p50, throughput=450.0),
        Latency(batch=64, repetitions=40, p50=30 * p50, p95=33 * p50, throughput=1_050.0),
    )
    timing = Timing(
        train_seconds=4.5, device_seconds=9.0, device="cpu", hardware="a processor", threads=1, latency=latencies
    )
    return Cost(parameters=315_722, flops=82_000_000, file_bytes=1_300_000, timing=timing)
