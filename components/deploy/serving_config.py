"""`models.config`: which versions of each model TensorFlow Serving serves.

Format: ModelServerConfig in protobuf text form (tensorflow_serving/config/model_server_config.proto).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

FILE_NAME = "models.config"
_ENTRY = re.compile(r'^  config \{\n    name: "([^"\\]+)"\n(.*?)^  \}$', re.MULTILINE | re.DOTALL)
_VERSION = re.compile(r"^ +versions: ([0-9]+)$", re.MULTILINE)


def models_config(versions: Mapping[str, tuple[int, ...]], base_path: str) -> str:
    """Text of the configuration: each model at `<base_path>/<name>`, pinned to its champion and candidate.

    Args:
        versions: champion, and candidate where there is one, by model name.
        base_path: absolute folder of the store as the server sees it.
    """
    entries = [_config(name, numbers, base_path) for name, numbers in sorted(versions.items())]
    return "model_config_list {\n" + "".join(entries) + "}\n"


def named_versions(text: str) -> dict[str, tuple[int, ...]]:
    """The versions by model name in a configuration that `models_config` wrote; other text names none."""
    return {name: tuple(map(int, _VERSION.findall(body))) for name, body in _ENTRY.findall(text)}


def _config(name: str, versions: tuple[int, ...], base_path: str) -> str:
    path = f"{base_path.rstrip('/')}/{name}"
    pinned = "".join(f"        versions: {version}\n" for version in versions)
    return (
        "  config {\n"
        f'    name: "{_escaped(name)}"\n'
        f'    base_path: "{_escaped(path)}"\n'
        '    model_platform: "tensorflow"\n'
        "    model_version_policy {\n"
        "      specific {\n"
        f"{pinned}"
        "      }\n"
        "    }\n"
        "  }\n"
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
