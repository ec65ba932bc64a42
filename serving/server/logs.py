"""What the server says on stderr: our own lines, and only what matters of KServe's and uvicorn's."""

from __future__ import annotations

import logging
import warnings

from serving.kserve_sdk import InvalidInput, ModelNotFound
from serving.server.errors import NotServedError, RequestError

_CALLERS_MISTAKES = (InvalidInput, ModelNotFound, RequestError, NotServedError)


def configure_logs() -> None:
    """Sends warnings of KServe and uvicorn and our own lines to stderr; callers' mistakes are told to them alone."""
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")  # KServe's own choice
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    handler.addFilter(_not_a_callers_mistake)
    # KServe sets up its own wall of logs unless its logger has a handler already.
    for name, level in (
        ("sluice.serving", logging.INFO),
        ("kserve", logging.WARNING),
        ("kserve.trace", logging.WARNING),
        ("uvicorn", logging.WARNING),
        ("uvicorn.access", logging.WARNING),
    ):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.handlers = [] if "." in name and not name.startswith("sluice") else [handler]
        logger.propagate = "." in name and not name.startswith("sluice")


def _not_a_callers_mistake(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], _CALLERS_MISTAKES))
