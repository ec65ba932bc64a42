"""Colours of the page can be told apart: WCAG 2.2, 4.5 to 1 for text, 3 to 1 for lines and marks."""

import re
from importlib.resources import files

import pytest

STYLE = (files("serving.live") / "page" / "style.css").read_text(encoding="utf-8")
TEXT = [
    ("text", "page"),
    ("text", "panel"),
    ("muted", "page"),
    ("muted", "panel"),
    ("link", "page"),
    ("link", "panel"),
    ("good", "good-back"),
    ("warn", "warn-back"),
    ("bad", "panel"),
    ("threshold", "panel"),
]
MARKS = [("reading", "panel"), ("forecast", "panel"), ("earlier", "panel"), ("second", "panel"), ("focus", "page")]


def scheme(name: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    return {**colours, **dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark))} if name == "dark" else colours


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize(("front", "back"), TEXT)
def test_text_can_be_read(name, front, back):
    colours = scheme(name)
    assert contrast(colours[front], colours[back]) >= 4.5


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize(("front", "back"), MARKS)
def test_lines_can_be_seen(name, front, back):
    colours = scheme(name)
    assert contrast(colours[front], colours[back]) >= 3


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
