"""The runtime of `sluice serve` in this process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from components.deploy.store import ModelStore
from serving.local.inprocess import InProcessServing
from serving.local.watcher import StoreWatcher

if TYPE_CHECKING:
    from serving.server.model_server import ForecastServer


@contextmanager
def in_this_process(
    store: Path, server: ForecastServer, poll_seconds: float
) -> Iterator[Callable[[], tuple[str, ...]]]:
    """Loads a store's versions and keeps them in step with it for a block of code; what of it can't be served."""
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 1), thread_name_prefix="model") as executor:
        watcher = StoreWatcher(ModelStore(store), InProcessServing(server, executor), server.metrics)
        watcher.check()
        thread = threading.Thread(target=watcher.run, args=(stop, poll_seconds), name="watcher")
        thread.start()
        try:
            yield lambda: watcher.failures
        finally:
            stop.set()
            # Ending the process while TensorFlow compiles in a thread is a segmentation fault.
            thread.join()
