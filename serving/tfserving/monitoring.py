"""What TensorFlow Serving tells Prometheus, and where.

Format: MonitoringConfig in protobuf text form (tensorflow_serving/config/monitoring_config.proto). The page is on the
REST port, and there only with this file (tensorflow_serving/model_servers/http_server.cc).
"""

from __future__ import annotations

FILE_NAME = "monitoring.config"
# KServe's TensorFlow runtime annotates its pods with port 8080 and this path, where TensorFlow Serving left to itself
# has nothing: its own default is /monitoring/prometheus/metrics. So the annotation comes true.
PATH = "/metrics"


def monitoring_text(path: str = PATH) -> str:
    """Text of the file."""
    return f'prometheus_config {{\n  enable: true\n  path: "{path}"\n}}\n'
