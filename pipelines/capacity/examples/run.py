"""All examples by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from components.dataset.errors import choose
from components.errors import InputError
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.examples.cloud import cloud_example
from pipelines.capacity.examples.comparison import Comparison
from pipelines.capacity.examples.configurations import CONFIGURATIONS, configuration_example
from pipelines.capacity.examples.pcb import dedicated_example, none_example, shared_example
from pipelines.capacity.examples.record_growth import growth_example
from pipelines.capacity.examples.stock import stock_example

_EXAMPLES: Mapping[str, Callable[[Catalogue], Comparison]] = {
    **{name: partial(configuration_example, name) for name in CONFIGURATIONS},
    "growth": growth_example,
    "pcb-dedicated": dedicated_example,
    "pcb-shared": shared_example,
    "pcb-none": none_example,
    "stock": stock_example,
    "cloud": cloud_example,
}


def example_names() -> tuple[str, ...]:
    """The names of all examples."""
    return tuple(_EXAMPLES)


def run_example(name: str, catalogue: Catalogue) -> Comparison:
    """One of the documents' tables, stated and computed side by side.

    Raises:
        InputError: there is no such example, or the catalogue lacks what it needs.
    """
    example = _EXAMPLES.get(name.strip().casefold())
    if example is None:
        raise InputError(f"example {name}", "there is no such example", choose(name, _EXAMPLES))
    return example(catalogue)
