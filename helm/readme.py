"""Writes what the chart repeats of other places: `python helm/readme.py`, or `--check`.

README.md comes from values.yaml, files/profiles from the pipelines' presets, as a chart reads files of its own alone.

Each value has a comment `# -- what it is` right above it, which may go on in further comment lines.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "sluice"
PRESETS = Path(__file__).parents[1] / "pipelines" / "platform" / "profiles"
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z][\w.-]*):")

HEAD = """# sluice

{description}

Written by `python helm/readme.py` from values.yaml; what to do with it is in docs/kubernetes.md.

```
helm install water helm/sluice --namespace forecasts --values helm/sluice/values-shared.yaml
```

| Values file | For |
|---|---|
{profiles}

## Values

| Value | Default | What it is |
|---|---|---|
"""


@dataclass(frozen=True)
class Value:
    """One value of the chart.

    Attributes:
        path: its place, such as `gpu.cards`.
        default: what it is without being set.
        text: what it is, in a sentence.
    """

    path: str
    default: Any
    text: str


def values(source: str) -> Iterator[Value]:
    """Every value that has a comment, in the order of the file."""
    found = yaml.safe_load(source)
    place: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in source.splitlines():
        stripped = line.strip()
        match = _KEY.match(line)
        if stripped.startswith("# -- "):
            comment = [stripped.removeprefix("# -- ")]
        elif stripped.startswith("#") and comment:
            comment.append(stripped.lstrip("# "))
        elif match:
            depth = len(match["indent"])
            place = [(column, key) for column, key in place if column < depth] + [(depth, match["key"])]
            if comment:
                keys = [key for _, key in place]
                yield Value(".".join(keys), _at(found, keys), " ".join(comment))
            comment = []
        else:
            comment = []


def readme(chart: Path = CHART) -> str:
    """Text of the README."""
    about = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    profiles = "\n".join(f"| {path.name} | {_first_comment(path)} |" for path in sorted(chart.glob("values-*.yaml")))
    rows = [
        f"| `{value.path}` | `{_cell(json.dumps(value.default))}` | {_cell(value.text)} |"
        for value in values((chart / "values.yaml").read_text(encoding="utf-8"))
    ]
    return HEAD.format(description=about["description"], profiles=profiles) + "\n".join(rows) + "\n"


def written(chart: Path = CHART) -> dict[Path, str]:
    """The files that are written, with their text."""
    presets = {path.name: path.read_text(encoding="utf-8") for path in sorted(PRESETS.glob("*.yaml"))}
    return {
        chart / "README.md": readme(chart),
        **{chart / "files" / "profiles" / name: text for name, text in presets.items()},
    }


def main(arguments: list[str]) -> int:
    """Writes them; with --check 1 where one is out of step."""
    files = written()
    if arguments == ["--check"]:
        wrong = [path for path, text in files.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
        for path in wrong:
            print(f"{path} is out of step with its source: run python helm/readme.py", file=sys.stderr)
        return 1 if wrong else 0
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def _at(found: Any, keys: list[str]) -> Any:
    for key in keys:
        found = found[key]
    return found


def _first_comment(path: Path) -> str:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    return _cell(first.lstrip("# "))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
