"""Pages that fetch nothing: styles, plots and plotly's code are inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from plotly.offline import get_plotlyjs

from components.validate.report.blocks import Section

_FOLDER = Path(__file__).parent


def render_page(title: str, summary: str, sections: Sequence[Section]) -> str:
    """A page of a title, a summary and sections."""
    return render_template("layout.html.j2", title=title, summary=summary, sections=sections)


def render_template(template: str, **facts: Any) -> str:
    """A page by a template of this folder."""
    loader = jinja2.FileSystemLoader(_FOLDER)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(template).render(plotly=get_plotlyjs(), **facts)
