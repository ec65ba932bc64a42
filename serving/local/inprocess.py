"""A version that answers in this process."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass

from serving.local.servable import Servable
from serving.server.arrays import Arrays
from serving.server.backend import Answered, VersionFolder
from serving.server.signature import Signature


@dataclass(frozen=True)
class InProcess:
    """A loaded SavedModel behind an executor, so that other requests go on while it answers.

    Attributes:
        servable: the loaded version.
        executor: threads for its calls.
        folder: what the version says about itself.
    """

    servable: Servable
    executor: Executor
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
        loop = asyncio.get_running_loop()
        outputs = await loop.run_in_executor(self.executor, self.servable.answer, inputs)
        return Answered(self.version, outputs)


def in_process(servable: Servable, executor: Executor) -> InProcess:
    """A servable as a backend."""
    return InProcess(servable, executor, VersionFolder(servable.folder))
