"""A page as a browser would find it."""

from __future__ import annotations

from html.parser import HTMLParser


class Reader(HTMLParser):
    """What a browser would find: tags, text outside of scripts, and what is loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.loaded: list[str] = []
        self._in = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._in = tag
        self.loaded += [
            value for name, value in attrs if name in ("src", "href") and value and not value.startswith("#")
        ]

    def handle_endtag(self, tag):
        self._in = ""

    def handle_data(self, data):
        if self._in not in ("script", "style"):
            self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader
