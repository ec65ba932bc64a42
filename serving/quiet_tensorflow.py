"""TensorFlow, imported without the lines that it writes before its log can be set."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def import_quietly() -> None:
    """Imports TensorFlow and lets it look for devices; what it writes to stderr meanwhile is shown only if it fails.

    Its C++ parts write to the descriptor, past `sys.stderr`, and some lines come before TF_CPP_MIN_LOG_LEVEL is read.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _held_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()
        tf.constant(0.0)


@contextmanager
def _held_stderr() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
