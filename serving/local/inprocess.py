"""A version that answers in this process."""

from __future__ import annotations

import os
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import InputError
from serving.local.batching import Batches
from serving.local.servable import Servable
from serving.server.arrays import Arrays
from serving.server.backend import Answered, VersionFolder
from serving.server.signature import Signature

if TYPE_CHECKING:
    from serving.server.model_server import ForecastServer


@dataclass(frozen=True)
class InProcess:
    """A loaded SavedModel behind an executor, so that other requests go on while it answers.

    Attributes:
        servable: the loaded version.
        batches: asks it, from every request of the server's event loop.
        folder: what the version says about itself.
    """

    servable: Servable
    batches: Batches
    folder: VersionFolder

    @property
    def name(self) -> str:
        """The model's name."""
        return self.servable.name

    @property
    def version(self) -> int:
        """The number in the store."""
        return self.servable.version

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""
        return self.servable.signature

    async def answer(self, inputs: Arrays) -> Answered:
        """The outputs for checked inputs [batch, ...] by name."""
        return Answered(self.version, await self.batches.answer(inputs))


@dataclass(frozen=True)
class InProcessServing:
    """Hands a watcher's versions to the server.

    Attributes:
        server: what answers.
        executor: threads for the versions' calls.
    """

    server: ForecastServer
    executor: Executor

    def show(self, champion: Servable) -> None:
        """Serves a version as its model's champion from now on."""
        self.server.show(in_process(champion, self.executor))

    def stage(self, model: str, candidate: Servable | None) -> None:
        """Serves a version beside a model's champion, or none any longer."""
        self.server.stage(model, in_process(candidate, self.executor) if candidate else None)


def in_process(servable: Servable, executor: Executor) -> InProcess:
    """A servable as a backend; what its folder says is read now, as the version may be removed while it is served."""
    folder = VersionFolder(servable.folder)
    with suppress(InputError, OSError, ValueError):  # told when it is asked for
        _ = folder.dataset, folder.card
    batches = Batches(servable.answer, servable.most, max(2, os.cpu_count() or 1), executor)
    return InProcess(servable, batches, folder)
