"""YAML text of a dataset file, with the line of each key."""

from __future__ import annotations

import re
from typing import Any

import yaml

from components.dataset.errors import Key, WrongKeyError


class _Loader(yaml.SafeLoader):
    """YAML in which only `true` and `false` are booleans, and keys are text: a column may be called NO or 7."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        self.flatten_mapping(node)
        return {_key_of(key): self.construct_object(value, deep=True) for key, value in node.value}


class _Dumper(yaml.SafeDumper):
    """Writes no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read_yaml(text: str) -> tuple[Any, dict[Key, int]]:
    """The data of a YAML text, and the line (from 1) of each key path in it.

    Raises:
        yaml.YAMLError: it is no YAML.
        WrongKeyError: a key is given twice.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}
        lines: dict[Key, int] = {}
        _note_lines(node, (), lines, set())
        return loader.construct_document(node), lines
    finally:
        loader.dispose()


def write_yaml(data: dict[str, Any]) -> str:
    """Canonical YAML: keys in the order given, innermost collections on one line."""
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    return str(text)


def nearest_line(lines: dict[Key, int], key: Key) -> int | None:
    """Line of a key, or of the nearest key above it that is written in the file."""
    for length in range(len(key), -1, -1):
        if key[:length] in lines:
            return lines[key[:length]]
    return None


def _key_of(node: yaml.Node) -> str:
    return str(node.value)


def _note_lines(node: yaml.Node, path: Key, lines: dict[Key, int], seen: set[int]) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in seen:  # an alias: its lines are noted where the anchor is
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note_lines(item, (*path, index), lines, seen)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        below = (*path, _key_of(key))
        if below in lines:
            raise WrongKeyError(below, f"the key is given twice (also in line {lines[below]})", "keep one of them")
        lines[below] = key.start_mark.line + 1
        _note_lines(value, below, lines, seen)
