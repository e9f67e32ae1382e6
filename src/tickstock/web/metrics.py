"""`/metrics` for Prometheus: read from the database at every scrape, so that it does not matter
which process is asked, nor how many there are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.responses import Response

from tickstock.service.system import Figures, figures
from tickstock.web.context import RequestContext


class _Collector:
    """One scrape. The registry asks it once."""

    def __init__(self, found: Figures, seconds: float) -> None:
        self._found = found
        self._seconds = seconds

    def collect(self) -> Iterator[Metric]:
        f = self._found
        yield _gauge("tickstock_loads", "Jobs kept, by state.", "state", f.loads)
        yield _gauge("tickstock_open_calls", "Calls of open jobs, by state.", "state", f.calls)
        yield _counter(
            "tickstock_vendor_answers", "Answers of vendors: bars, empty, or the class of the "
            "error.", "outcome", f.counts("answers"),
        )  # fmt: skip
        yield _counter("tickstock_bars_written", "Bars new or changed.", "kind", f.counts("bars"))
        granted = {b.vendor: b.granted for b in f.budgets}
        throttled = {b.vendor: b.throttled for b in f.budgets}
        waits = {b.vendor: b.seconds for b in f.budgets}
        yield _counter("tickstock_budget_granted", "Calls granted.", "vendor", granted)
        yield _counter("tickstock_budget_throttled", "Times told to wait.", "vendor", throttled)
        yield _gauge("tickstock_budget_wait_seconds", "Until the next call.", "vendor", waits)
        yield GaugeMetricFamily(
            "tickstock_budget_calls_per_minute", "The vendor's limit; 0: none.", value=f.limit
        )
        if f.leases:
            first = min(lease.seconds for lease in f.leases)
            yield GaugeMetricFamily(
                "tickstock_first_lease_seconds", "Until the first lease ends, if it is not "
                "renewed; below 0 it may be taken over.", value=first,
            )  # fmt: skip
        yield GaugeMetricFamily("tickstock_workers_alive", "Worker processes.", value=f.alive)
        yield GaugeMetricFamily("tickstock_database_bytes", "Size of the database.", value=f.bytes)
        yield GaugeMetricFamily("tickstock_bars", "Bars held.", value=f.bars)
        yield GaugeMetricFamily(
            "tickstock_database_seconds", "What it took to read these figures.", value=self._seconds
        )


def _gauge(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


def _counter(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, about, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


def show(ctx: RequestContext) -> Response:
    """The figures in Prometheus' text format."""
    begun = time.perf_counter()
    found = figures(ctx.tick.database, ctx.tick.settings, ctx.tick.clock)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(found, time.perf_counter() - begun))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
