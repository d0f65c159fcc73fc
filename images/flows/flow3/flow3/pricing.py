"""What an order costs, or why it is none. Pure."""

import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

LINES_MAX = 10_000
QUANTITY_MAX = 100_000
PRICE_MAX = Decimal(1_000_000)
DISCOUNT_FROM = 100
"""Pieces of one article."""
DISCOUNT = Decimal("0.05")
CENT = Decimal("0.01")

_currency = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Priced:
    total: Decimal
    goods: dict[str, int]
    """Pieces by article."""


class Refusal(Exception):
    """The order is none; the message says why."""


def price(order: Any) -> Priced:
    """Raises Refusal."""
    if not isinstance(order, dict):
        raise Refusal("it is no object")
    if not isinstance(order.get("customer"), str) or not order["customer"].strip():
        raise Refusal("customer is missing")
    if not isinstance(order.get("currency"), str) or not _currency.fullmatch(order["currency"]):
        raise Refusal("currency is not three capital letters")
    lines = order.get("lines")
    if not isinstance(lines, list) or not 1 <= len(lines) <= LINES_MAX:
        raise Refusal(f"lines is not a list of 1 to {LINES_MAX}")
    goods: Counter[str] = Counter()
    sums: dict[str, Decimal] = {}
    for number, line in enumerate(lines, start=1):
        article, quantity, amount = _line(number, line)
        goods[article] += quantity
        sums[article] = sums.get(article, Decimal(0)) + amount * quantity
    total = sum(
        (value * (1 - DISCOUNT) if goods[article] >= DISCOUNT_FROM else value for article, value in sums.items()),
        start=Decimal(0),
    )
    return Priced(total.quantize(CENT), dict(goods))


def _line(number: int, line: Any) -> tuple[str, int, Decimal]:
    if not isinstance(line, dict) or not isinstance(line.get("article"), str) or not line["article"]:
        raise Refusal(f"line {number} has no article")
    quantity = line.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 1 <= quantity <= QUANTITY_MAX:
        raise Refusal(f"line {number}: quantity is not a whole number from 1 to {QUANTITY_MAX}")
    try:
        amount = Decimal(line["price"]) if isinstance(line.get("price"), (str, int, Decimal)) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite() or not 0 <= amount <= PRICE_MAX:
        raise Refusal(f"line {number}: price is not an amount up to {PRICE_MAX}")
    if amount != amount.quantize(CENT):
        raise Refusal(f"line {number}: price has more than two decimals")
    return line["article"], quantity, amount
