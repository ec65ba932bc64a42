"""`models.config`: which version of each model TensorFlow Serving serves.

Format: ModelServerConfig in protobuf text form (tensorflow_serving/config/model_server_config.proto).
"""

from __future__ import annotations

from collections.abc import Mapping

FILE_NAME = "models.config"


def models_config(champions: Mapping[str, int], base_path: str) -> str:
    """Text of the configuration: each model at `<base_path>/<name>`, pinned to its champion.

    Args:
        champions: version by model name.
        base_path: absolute folder of the store as the server sees it.
    """
    entries = [_config(name, version, base_path) for name, version in sorted(champions.items())]
    return "model_config_list {\n" + "".join(entries) + "}\n"


def _config(name: str, version: int, base_path: str) -> str:
    path = f"{base_path.rstrip('/')}/{name}"
    return (
        "  config {\n"
        f'    name: "{_escaped(name)}"\n'
        f'    base_path: "{_escaped(path)}"\n'
        '    model_platform: "tensorflow"\n'
        "    model_version_policy {\n"
        "      specific {\n"
        f"        versions: {version}\n"
        "      }\n"
        "    }\n"
        "  }\n"
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
