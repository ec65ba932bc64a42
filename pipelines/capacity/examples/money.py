"""What v100-options says that cards and months cost."""

from __future__ import annotations

from pipelines.capacity.catalogue.cost import project_cost
from pipelines.capacity.examples.comparison import Row
from pipelines.capacity.examples.cycles import Configuration
from pipelines.capacity.examples.documents import Documents
from pipelines.capacity.ranges import Range

_PAIR = "v100x2"
_LONGEST = "p40x4"


def money(documents: Documents, configuration: Configuration) -> tuple[Row, ...]:
    """Rows of one configuration; the documents leave many of its prices out."""
    return (
        *_hardware(documents, configuration),
        *_project(documents, configuration),
        *(_saved(documents) if configuration.name == _PAIR else ()),
    )


def one_card_in_v100(documents: Documents, stated_as: str) -> Range | None:
    """Price of a card as a part of a V100's, out of what several cost against two V100s; None where nothing says it."""
    for name in documents.items("hardware_cost_percent"):
        card, _, count = name.partition("x")
        if card == stated_as:
            return documents.stated(f"hardware_cost_percent.{name}") * (2 / (100 * int(count)))
    return None


def _hardware(documents: Documents, configuration: Configuration) -> tuple[Row, ...]:
    one = one_card_in_v100(documents, configuration.stated_as)
    if one is None:
        return (documents.row("Hardware", "% of two V100s", "", None, "no document gives a price of this card"),)
    name, count = configuration.name, configuration.count
    rows = [
        documents.row("One card", "% of a V100", "", one * 100, "out of what several cost against two V100s"),
        documents.row(
            "Hardware",
            "% of two V100s",
            f"hardware_cost_percent.{name}",
            one * (100 * count / 2),
            f"{count} x {one * 100} % / 2",
        ),
    ]
    if documents.states(f"hardware_cost_in_v100.{name}"):
        key = f"hardware_cost_in_v100.{name}"
        rows.append(
            documents.row(
                "Hardware", "V100s", key, one * count, f"{count} x {one}; a 16th is {one * count * 16} times less"
            )
        )
    return tuple(rows)


def _project(documents: Documents, configuration: Configuration) -> tuple[Row, ...]:
    """Months and their labour; with hardware in won the total could be computed, but no document gives that."""
    name = configuration.name
    if not documents.states(f"project_months.{name}"):
        return ()
    months = documents.stated(f"project_months.{name}")
    monthly = documents.stated("labour_krw_per_month.developer")
    labour = project_cost(Range.exactly(0), months, monthly).labour_krw
    rows = [
        documents.row("Project", "months", f"project_months.{name}"),
        documents.row("Labour", "KRW", "", labour, f"{months} x {monthly}"),
    ]
    if documents.states(f"total_cost_percent.{name}"):
        pair = documents.stated(f"project_months.{_PAIR}")
        alone = f"{months} over {pair} months; hardware not counted"
        key = f"total_cost_percent.{name}"
        rows.append(documents.row("Total cost", "% of two V100s", key, months / pair * 100, alone))
    return tuple(rows)


def _saved(documents: Documents) -> tuple[Row, ...]:
    pair, longest = documents.stated(f"project_months.{_PAIR}"), documents.stated(f"project_months.{_LONGEST}")
    months, monthly = longest - pair, documents.stated("labour_krw_per_month.developer")
    before = documents.stated("development_months.v100x1")
    saved = (before - documents.stated("development_months.v100x2")) / before * 100
    return (
        documents.row("Saved against P40 x 4", "months", "saved.months", months, f"{longest} - {pair}"),
        documents.row(
            "Saved against P40 x 4", "KRW", "saved.krw", months * monthly, f"{months} x {monthly}; labour only"
        ),
        documents.row("Development saved", "%", "saved.development_percent", saved, "3 months to 1, as stated"),
    )
