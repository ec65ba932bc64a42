"""Reduces a CustomResourceDefinition to the JSON schema of one version: `reduce.py CRD.yaml VERSION SOURCE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

KEPT = (
    *("type", "required", "enum", "pattern", "minimum", "maximum"),
    *("minLength", "maxLength", "minItems", "maxItems", "minProperties"),
)


def reduced(node: dict[str, Any], closed: bool = True) -> dict[str, Any]:
    """A node of the schema without what only people read; its objects take no unknown fields where it is closed."""
    out = {key: node[key] for key in KEPT if key in node}
    for key in ("anyOf", "allOf", "oneOf"):
        if key in node:
            out[key] = [reduced(each, closed=False) for each in node[key]]
    if "not" in node:
        out["not"] = reduced(node["not"], closed=False)
    if node.get("x-kubernetes-int-or-string"):
        out.pop("anyOf", None)
        out["type"] = ["integer", "string"]
    if "properties" in node:
        out["properties"] = {key: reduced(each) for key, each in node["properties"].items()}
        if closed and not node.get("x-kubernetes-preserve-unknown-fields"):
            out["additionalProperties"] = False
    if isinstance(node.get("additionalProperties"), dict):
        out["additionalProperties"] = reduced(node["additionalProperties"])
    if "items" in node:
        out["items"] = reduced(node["items"])
    if node.get("nullable"):
        out["type"] = [out["type"], "null"]
    return out


def schema_of(definition: dict[str, Any], version: str, source: str) -> dict[str, Any]:
    """The schema of a served version."""
    spec = definition["spec"]
    chosen = next(each for each in spec["versions"] if each["name"] == version and each["served"])
    schema = reduced(chosen["schema"]["openAPIV3Schema"])
    schema["properties"].pop("status", None)
    schema["properties"] |= {
        "metadata": {"type": "object"},
        "apiVersion": {"const": f"{spec['group']}/{version}"},
        "kind": {"const": spec["names"]["kind"]},
    }
    needed = {"apiVersion", "kind", "metadata", "spec"} & set(schema["properties"])
    schema["required"] = sorted({*schema.get("required", []), *needed})
    return {"$comment": f"Facts of {source}; Apache-2.0. See README.md.", **schema}


if __name__ == "__main__":
    crd = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps(schema_of(crd, sys.argv[2], sys.argv[3]), separators=(",", ":")))
