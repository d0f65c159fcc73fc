"""JSON that changes no number on its way: integers of any length, decimals as `Decimal`.

What PostgreSQL reads from text goes as text: dates and times in ISO format, UUIDs.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def encode(value: Any) -> bytes:
    """Raises TypeError or ValueError for what JSON cannot say."""
    try:
        text = _dumps(value)
    except TypeError:
        text = _encode(value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("text with half a surrogate pair cannot be sent") from error


def decode(text: bytes) -> Any:
    """A number with a fraction or an exponent becomes a `Decimal`. Raises ValueError."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)


def _encode(value: Any) -> str:
    """Slower than the module's own encoder, which knows no way to write a Decimal."""
    match value:
        case None | bool() | int() | float() | str():
            return _dumps(value)
        case Decimal():
            if not value.is_finite():
                raise ValueError(f"{value} is no number that JSON can hold")
            return str(value)
        case datetime() | date() | time():
            return f'"{value.isoformat()}"'
        case UUID():
            return f'"{value}"'
        case Mapping():
            return "{" + ",".join(f"{_encode_name(name)}:{_encode(item)}" for name, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_encode, value)) + "]"
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


def _encode_name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of a field must be text, not {type(name).__name__}")
    return _dumps(name)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
