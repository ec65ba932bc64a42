"""The V1 protocol in TensorFlow Serving's row form: JSON to arrays and back."""

from __future__ import annotations

from typing import Any

import orjson

from serving.server.arrays import Arrays, check_together, may_hold_booleans, numbers, parse_json
from serving.server.errors import RequestError
from serving.server.signature import MAX_BATCH, SIGNATURE_NAME, Signature


def decode_v1(body: bytes, signature: Signature) -> Arrays:
    """`{"instances": [window, ...]}`, or instances as objects with the inputs' names, as arrays [batch, ...].

    Raises:
        RequestError: the body isn't that.
    """
    return decode_windows(parse_json(body), signature, may_hold_booleans(body))


def decode_windows(document: Any, signature: Signature, suspect: bool) -> Arrays:
    """As `decode_v1`, of a parsed body.

    Args:
        document: the parsed body.
        signature: what is expected.
        suspect: look at every number, not only at the array that numpy made of them.

    Raises:
        RequestError: it isn't what is expected.
    """
    if not isinstance(document, dict) or "instances" not in document:
        raise RequestError(f'expected {{"instances": [...]}} of {signature}, got no "instances"')
    check_signature_name(document.get("signature_name"))
    rows = _rows(document["instances"], signature)
    inputs = {
        spec.name: numbers(rows[spec.name], spec, _path(document["instances"], spec.name), suspect)
        for spec in signature.inputs
    }
    check_together(inputs, signature)
    return inputs


def encode_v1(outputs: Arrays, version: int) -> bytes:
    """`{"predictions": [{name: row, ...}, ...], "model_version": "..."}` of arrays [batch, ...]."""
    names = tuple(outputs)
    predictions = [dict(zip(names, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
    return orjson.dumps({"predictions": predictions, "model_version": str(version)}, option=orjson.OPT_SERIALIZE_NUMPY)


def check_signature_name(name: Any) -> None:
    """Raises RequestError unless it is empty or the one signature's."""
    if name not in (None, "", SIGNATURE_NAME):
        raise RequestError(f'Serving signature name: "{name}" not found in signature def; expected "{SIGNATURE_NAME}"')


def _rows(instances: Any, signature: Signature) -> dict[str, list[Any]]:
    if not isinstance(instances, list) or not instances:
        raise RequestError(f'expected {signature}, got {_kind(instances)} for "instances"')
    if len(instances) > MAX_BATCH:
        raise RequestError(f"expected {signature} with n from 1 to {MAX_BATCH}, got n = {len(instances)}")
    if not any(isinstance(instance, dict) for instance in instances):
        return {signature.inputs[0].name: instances} if len(signature.inputs) == 1 else _refuse_bare(signature)
    names = {spec.name for spec in signature.inputs}
    for index, instance in enumerate(instances):
        if not isinstance(instance, dict) or set(instance) != names:
            got = ", ".join(map(str, instance)) or "no key" if isinstance(instance, dict) else "no object"
            raise RequestError(
                f"expected {signature}: an object with the key {' and '.join(sorted(names))} at instances[{index}], "
                f"got {got}"
            )
    return {name: [instance[name] for instance in instances] for name in names}


def _refuse_bare(signature: Signature) -> dict[str, list[Any]]:
    example = ", ".join(f'"{spec.name}": ...' for spec in signature.inputs)
    raise RequestError(f"expected {signature}: instances must be objects {{{example}}}")


def _path(instances: list[Any], name: str) -> str:
    return f"instances[].{name}" if isinstance(instances[0], dict) else "instances"


def _kind(value: Any) -> str:
    if value == []:
        return "an empty list"
    return {dict: "an object", type(None): "null", str: "a text"}.get(type(value), str(value)[:40])
