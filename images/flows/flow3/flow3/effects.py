"""What an order comes to in the database."""

from typing import Any

from .pricing import Refusal, price
from .schema import PLACE, REJECT

Effect = tuple[str, list[Any]]


def effects_of(number: str, order: Any, run: str) -> list[Effect]:
    try:
        priced = price(order)
    except Refusal as refusal:
        return [(REJECT, [number, str(refusal), run])]
    return [(PLACE, [number, str(priced.total), priced.goods, run])]
