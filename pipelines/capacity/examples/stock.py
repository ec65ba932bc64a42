"""The stock system's backend: tiers of cards, the price predictor, stated speed-ups, and budgets."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.examples.comparison import Comparison, Part, Row
from pipelines.capacity.examples.documents import Documents
from pipelines.capacity.ranges import Range

_FLOAT32_BYTES = 4
# The tiers of stock by its cards: least, recommended, high.
_TIERS = {
    "gtx-1660-ti": "least",
    "rtx-3060": "recommended",
    "rtx-4060": "recommended",
    "rtx-4070": "high",
    "rtx-a4000": "high",
}


@dataclass(frozen=True)
class StackedLstm:
    """A stack of LSTM layers and one dense layer, as PyTorch builds them.

    Attributes:
        inputs: values of a time step.
        hidden: units of each layer.
        layers: on top of one another.
        outputs: of the dense layer.
    """

    inputs: int
    hidden: int
    layers: int
    outputs: int

    @property
    def parameters(self) -> int:
        """Four gates of inputs, state and two biases (PyTorch documentation, torch.nn.LSTM), then the dense layer."""
        first = 4 * self.hidden * (self.inputs + self.hidden + 2)
        others = (self.layers - 1) * 4 * self.hidden * (2 * self.hidden + 2)
        return first + others + (self.hidden + 1) * self.outputs

    @property
    def state_bytes(self) -> int:
        """Weights, gradients and Adam's two copies in float32."""
        return 4 * _FLOAT32_BYTES * self.parameters


# The price predictor of stock: 10 inputs, 2 layers of 50, one output.
PRICE_PREDICTOR = StackedLstm(inputs=10, hidden=50, layers=2, outputs=1)


def stock_example(catalogue: Catalogue) -> Comparison:
    """The stock backend's tables."""
    documents = Documents(catalogue)
    return Comparison(
        name="stock",
        title="Stock backend: what a card would do for it",
        parts=(
            Part("Cards by tier", _tiers(documents)),
            Part("Price predictor", _predictor()),
            Part("Speed-ups", _gains(documents)),
            Part("Budget", _budget(documents)),
        ),
    )


def _tiers(documents: Documents) -> tuple[Row, ...]:
    rows = []
    for name, tier in _TIERS.items():
        card = documents.catalogue.card(name)
        used = PRICE_PREDICTOR.state_bytes / card.memory_bytes
        how = f"{tier}; the predictor takes {used:.4%}"
        rows.append(documents.row(card.title, "GiB", f"card_memory_gb.{name}", card.memory_gb.value, how))
    return tuple(rows)


def _predictor() -> tuple[Row, ...]:
    predictor = PRICE_PREDICTOR
    layers = f"{predictor.layers} layers of {predictor.hidden}, {predictor.inputs} inputs"
    return (
        Row("Parameters", "", (), Range.exactly(predictor.parameters), f"{layers}, two biases each as in PyTorch"),
        Row("Weights", "kB", (), Range.exactly(predictor.parameters * _FLOAT32_BYTES / 1000), "4 B a parameter"),
        Row("State in training", "kB", (), Range.exactly(predictor.state_bytes / 1000), "16 B a parameter with Adam"),
    )


def _gains(documents: Documents) -> tuple[Row, ...]:
    works = {"rsi": "RSI of all stocks", "backtest": "Backtest", "lstm": "Training of the LSTM"}
    rows = []
    for key, title in works.items():
        cpu, gpu = documents.stated(f"stock_cpu_seconds.{key}"), documents.stated(f"stock_gpu_seconds.{key}")
        rows.append(documents.row(title, "times", f"stock_gain.{key}", cpu / gpu, f"{cpu} s over {gpu} s, as stated"))
    bars = documents.stated("stock_rows.stocks") * documents.stated("stock_rows.days")
    return (
        *rows,
        documents.row("NVMe", "times", "stock_gain.nvme"),
        documents.row("Daily bars", "", "stock_rows.daily_bars", bars, "stocks x days"),
    )


def _budget(documents: Documents) -> tuple[Row, ...]:
    base = documents.stated("stock_krw.base")
    rows = [documents.row("Base, three servers", "KRW", "stock_krw.base")]
    for card in ("rtx-3060", "rtx-4070"):
        price = documents.stated(f"stock_krw.{card}")
        title = documents.catalogue.card(card).title
        rows += [
            documents.row(title, "KRW", f"stock_krw.{card}"),
            documents.row(
                f"Base and {title}", "KRW", f"stock_krw.with_{card}", base + price, "base and card as stated"
            ),
        ]
    return tuple(rows)
