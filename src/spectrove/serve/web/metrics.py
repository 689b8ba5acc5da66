"""Numbers for Prometheus: requests, seconds, answers, and questions that wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

#: Bounds of the histogram, seconds: a second is what a reader waits for.
BOUNDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)

MEDIA = CONTENT_TYPE_LATEST


class Metrics:
    """The numbers of one server.

    Args:
        waiting: How many questions run or wait.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        of: dict[str, Any] = {"registry": self.registry, "namespace": "spectrove"}
        self.requests = Counter(
            "requests", "Requests by address, method and status.", ("route", "method", "status"), **of
        )
        self.seconds = Histogram(
            "request_seconds", "Seconds until a request was answered whole.", ("route",), buckets=BOUNDS, **of
        )
        self.answers = Counter("answers", "Spectra that were answered.", ("task",), **of)
        self.refusals = Counter("refusals", "Spectra and files that were refused.", ("task",), **of)
        questions = Gauge("questions", "Questions that run or wait.", **of)
        questions.set_function(waiting)

    def page(self) -> bytes:
        """All numbers, as Prometheus reads them."""
        return generate_latest(self.registry)
