"""Orders as they come: made up from a seed, most of them sound, some huge, some broken, many for the same article."""

from collections.abc import Iterator
from random import Random
from typing import Any

ARTICLES = 200
HOT_ARTICLES = 3
HOT_SHARE = 0.5
"""Of all lines: they are for the few articles that everybody wants."""
HUGE_LINES = 1_500
CUSTOMERS = ("Zoë Ångström", "李小龍", "محمد علي", "O'Brien; drop table orders;--", "👩‍🚀 Astro", "नमस्ते", "Ivan \"X\"")

Order = dict[str, Any]


def article(number: int) -> str:
    return f"A-{number:04d}"


def orders(seed: int, count: int) -> Iterator[Order]:
    random = Random(seed)
    for number in range(count):
        yield _order(random, f"S{seed}-{number:07d}")


def _order(random: Random, number: str) -> Order:
    order: Order = {
        "number": number,
        "customer": random.choice(CUSTOMERS),
        "currency": random.choice(("EUR", "SEK", "JPY")),
        "lines": [_line(random) for _ in range(random.randint(1, 6))],
    }
    kind = random.random()
    if kind < 0.005:
        order["lines"] = [_line(random) for _ in range(HUGE_LINES)]
        order["remark"] = "ю" * 20_000
    elif kind < 0.05:
        _break(random, order)
    return order


def _line(random: Random) -> Order:
    number = random.randrange(HOT_ARTICLES) if random.random() < HOT_SHARE else random.randrange(ARTICLES)
    # As text: amounts of money are never binary fractions.
    price = f"{random.randint(1, 99_999) / 100:.2f}"
    return {"article": article(number), "quantity": random.randint(1, 5), "price": price}


def _break(random: Random, order: Order) -> None:
    line = order["lines"][0]
    match random.randrange(7):
        case 0:
            line["quantity"] = -1
        case 1:
            line["quantity"] = "many"
        case 2:
            line["price"] = "NaN"
        case 3:
            line["article"] = "A-9999"
        case 4:
            order["lines"] = []
        case 5:
            del order["customer"]
        case 6:
            order["currency"] = "€"
