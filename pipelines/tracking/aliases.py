"""The registry's aliases after a promotion, a rollback or a trial in the store."""

from __future__ import annotations

import os
from collections.abc import Mapping

from components.deploy.store import ModelStore
from pipelines.tracking.address import VARIABLE, tracking_address, without_password
from pipelines.tracking.deliver import kept_address
from pipelines.tracking.outbox import Outbox
from pipelines.tracking.registry import set_aliases
from pipelines.tracking.sender import one_line, open_client


def move_aliases(
    store: ModelStore, model: str, given: str, environment: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Sets the aliases of a model to its store's pointers.

    Args:
        store: whose pointers have just been changed.
        model: its name.
        given: address of the registry; empty for the one in effect, if there is one.
        environment: where MLFLOW_TRACKING_URI may be set; the process's own if not given.

    Returns:
        A line for each thing that could not be done; none where no registry is in effect.

    Raises:
        InputError: the address is none, or MLflow isn't installed.
    """
    variables = os.environ if environment is None else environment
    out = store.root.parent
    wanted = given or variables.get(VARIABLE, "") or kept_address(Outbox.of(out))
    if not wanted:
        return ()
    address = tracking_address(wanted, out, variables)
    try:
        return set_aliases(open_client(address), store.root, model)
    # As in `deliver`: whatever MLflow raises, the store's own pointers have been moved.
    except Exception as error:
        return (f"the aliases in {without_password(address)} could not be moved ({one_line(error)})",)
