"""Prometheus metrics: the plain counts of every folder, exported for all processes of this host together.

The other folders count in dataclasses of their own, which costs an addition; once a second their growth is
carried over. Under `serve` several processes share a port, so whichever is scraped answers for all:
prometheus-client's multi-process mode, a folder of memory-mapped files that PROMETHEUS_MULTIPROC_DIR names
before this module is imported.
"""

import asyncio
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
FLUSH_SECONDS: Final = 1.0


class Metrics:
    """What this process exports.

    Args:
        role: what this process is; `linkgraph_processes{role}` counts those that live.
    """

    def __init__(self, role: str) -> None:
        # a second series for each counter, which nobody reads
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus-client leaves it untyped
        self._registry = CollectorRegistry()
        self._watched: list[tuple[Any, str, Counter | Gauge, float]] = []
        living = Gauge(
            "linkgraph_processes",
            "processes that live, by role",
            ["role"],
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        living.labels(role).set(1)

    def watch(self, name: str, counts: "DataclassInstance") -> None:
        """Export each field of `counts` as `linkgraph_<name>_<field>`, without labels: series stay few.

        A field is a counter, which only grows, unless its metadata say {"gauge": True}.
        """
        for field in dataclasses.fields(counts):
            full, text = f"linkgraph_{name}_{field.name}", field.name.replace("_", " ")
            metric = (
                Gauge(full, text, registry=self._registry, multiprocess_mode="livesum")
                if field.metadata.get("gauge")
                else Counter(full, text, registry=self._registry)
            )
            self._watched.append((counts, field.name, metric, 0.0))

    def flush(self) -> None:
        """Carry over what was counted since the last time."""
        for number, (counts, field, metric, seen) in enumerate(self._watched):
            value = getattr(counts, field)
            if isinstance(metric, Gauge):
                metric.set(value)
            elif value != seen:
                metric.inc(value - seen)
                self._watched[number] = (counts, field, metric, value)

    async def flushing(self) -> None:
        """Flush every second until cancelled, so that other processes here can answer for this one."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self.flush()

    def exposition(self) -> tuple[bytes, str]:
        """Every series in Prometheus' text format, and its content type."""
        self.flush()
        if FOLDER_VARIABLE not in os.environ:
            return generate_latest(self._registry), CONTENT_TYPE_LATEST
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # prometheus-client leaves it untyped
        return generate_latest(together), CONTENT_TYPE_LATEST


def forget(folder: Path, process: int) -> None:
    """Stop counting a dead process's gauges; what it counted stays in the totals."""
    mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]  # prometheus-client leaves it untyped


def prepare(folder: Path) -> None:
    """An empty folder for the processes about to start: counters start from zero together."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink()
