"""The counters that TensorFlow Serving exports under its monitoring path.

Source: tensorflow_serving/util/prometheus_exporter.cc, servables/tensorflow/util.cc.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict

# Exponential buckets: scale 10 microseconds, factor 1.8, 33 of them.
_BOUNDS = [10 * 1.8**power for power in range(33)]
_COUNT = ":tensorflow:serving:request_count"
_LATENCY = ":tensorflow:serving:request_latency"


class Metrics:
    """Requests counted by model and status, and how long they took."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._micros: dict[tuple[str, str], list[float]] = defaultdict(list)

    def asked(self, model: str, status: str) -> None:
        """Counts a request."""
        with self._lock:
            self._counts[model, status] += 1

    def took(self, model: str, entrypoint: str, seconds: float) -> None:
        """Keeps how long an answer took."""
        with self._lock:
            self._micros[model, entrypoint].append(seconds * 1e6)

    def page(self) -> str:
        """All of it in Prometheus' text format."""
        with self._lock:
            counts = dict(self._counts)
            micros = {key: sorted(values) for key, values in self._micros.items()}
        lines = [f"# TYPE {_COUNT} counter"]
        lines += [f'{_COUNT}{{model_name="{m}",status="{status}"}} {n}' for (m, status), n in counts.items()]
        lines.append(f"# TYPE {_LATENCY} histogram")
        for (model, entrypoint), values in micros.items():
            labels = f'model_name="{model}",API="predict",entrypoint="{entrypoint}"'
            for bound in _BOUNDS:
                below = sum(value <= bound for value in values)
                lines.append(f'{_LATENCY}_bucket{{{labels},le="{bound:.6g}"}} {below}')
            lines.append(f'{_LATENCY}_bucket{{{labels},le="+Inf"}} {len(values)}')
            lines.append(f"{_LATENCY}_sum{{{labels}}} {sum(values):.6g}")
            lines.append(f"{_LATENCY}_count{{{labels}}} {len(values)}")
        return "\n".join(lines) + "\n"
