"""What the server says on stderr: our own lines, and only what matters of KServe's and uvicorn's."""

from __future__ import annotations

import logging
import warnings
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

from serving.kserve_sdk import InvalidInput, ModelNotFound
from serving.server.errors import NotServedError, RequestError

LogForm = Literal["text", "json"]
# Their lines go to the handler of the logger above them.
_CHILDREN = ("sluice.serving.requests", "kserve.trace", "uvicorn.access")
_CALLERS_MISTAKES = (InvalidInput, ModelNotFound, RequestError, NotServedError)


def configure_logs(form: LogForm = "text") -> None:
    """Sends warnings of KServe and uvicorn and our own lines to stderr; callers' mistakes are told to them alone.

    Args:
        form: `text` for a person; `json` for a collector, with a line for each request.
    """
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")  # KServe's own choice
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter(form))
    handler.addFilter(_not_a_callers_mistake)
    # KServe sets up its own wall of logs unless its logger has a handler already.
    for name, level in (
        ("sluice.serving", logging.INFO),
        ("sluice.serving.requests", logging.INFO if form == "json" else logging.WARNING),
        ("kserve", logging.WARNING),
        ("kserve.trace", logging.WARNING),
        ("uvicorn", logging.WARNING),
        ("uvicorn.access", logging.WARNING),
    ):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.handlers = [] if name in _CHILDREN else [handler]
        logger.propagate = name in _CHILDREN


def _formatter(form: LogForm) -> logging.Formatter:
    if form == "text":
        return logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")
    renamed = {"levelname": "level", "name": "logger"}
    return JsonFormatter("%(levelname)s %(name)s %(message)s", rename_fields=renamed, timestamp=True)


def _not_a_callers_mistake(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], _CALLERS_MISTAKES))
