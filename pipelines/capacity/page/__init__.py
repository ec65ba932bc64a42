"""The planner's answers as HTML pages that work offline."""

from pipelines.capacity.page.answer_page import write_page
from pipelines.capacity.page.comparison_page import write_comparison_page
from pipelines.capacity.page.growth_page import write_growth_page

__all__ = ["write_comparison_page", "write_growth_page", "write_page"]
