import json
import unittest
from collections import Counter
from decimal import Decimal
from typing import Any

from flow3.effects import effects_of
from flow3.orders import HUGE_LINES, article, orders
from flow3.pricing import Refusal, price
from flow3.schema import PLACE, REJECT


def order(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"customer": "Zoë", "currency": "EUR", "lines": list(lines)} | changes


def line(quantity: Any = 1, amount: Any = "0.10", name: Any = "A-0001") -> dict[str, Any]:
    return {"article": name, "quantity": quantity, "price": amount}


class Prices(unittest.TestCase):
    def test_money_is_exact(self) -> None:
        self.assertEqual(price(order(line(3), line(1, "0.20", "A-0002"))).total, Decimal("0.50"))

    def test_pieces_of_one_article_are_counted_over_all_lines(self) -> None:
        priced = price(order(line(60, "1.00"), line(40, "1.00"), line(1, "1.00", "A-0002")))
        self.assertEqual(priced.goods, {"A-0001": 100, "A-0002": 1})
        self.assertEqual(priced.total, Decimal("96.00"), "5 % off from 100 pieces")

    def test_what_is_no_order_is_refused_with_the_reason(self) -> None:
        for wrong, reason in (
            (None, "it is no object"),
            (order(line(), customer=" "), "customer is missing"),
            (order(line(), currency="€"), "currency"),
            (order(), "lines"),
            (order(line(), lines={"a": 1}), "lines"),
            (order(line(0)), "line 1: quantity"),
            (order(line(), line(True)), "line 2: quantity"),
            (order(line(Decimal("1.5"))), "line 1: quantity"),
            (order(line(1, "NaN")), "line 1: price"),
            (order(line(1, "-1")), "line 1: price"),
            (order(line(1, "1e999999")), "line 1: price"),
            (order(line(1, "abc")), "line 1: price"),
            (order(line(1, "1.005")), "more than two decimals"),
            (order(line(name="")), "line 1 has no article"),
            (order("line"), "line 1 has no article"),  # type: ignore[arg-type]
        ):
            with self.assertRaisesRegex(Refusal, reason):
                price(wrong)

    def test_each_order_has_one_effect_sound_or_not(self) -> None:
        [(sql, params)] = effects_of("1", order(line(2)), "run 1")
        self.assertEqual((sql, params), (PLACE, ["1", "0.20", {"A-0001": 2}, "run 1"]))
        [(sql, params)] = effects_of("2", order(), "run 1")
        self.assertEqual((sql, params[0], params[2]), (REJECT, "2", "run 1"))


class MadeUp(unittest.TestCase):
    def test_the_same_seed_makes_the_same_orders(self) -> None:
        self.assertEqual(json.dumps(list(orders(7, 100))), json.dumps(list(orders(7, 100))))
        self.assertNotEqual(list(orders(7, 100)), list(orders(8, 100)))

    def test_there_are_huge_ones_broken_ones_and_hot_articles(self) -> None:
        made = list(orders(1, 2_000))
        self.assertEqual(len({item["number"] for item in made}), 2_000)
        self.assertTrue(any(len(item["lines"]) == HUGE_LINES for item in made))
        reasons = Counter(effects_of(item["number"], item, "")[0][0] == REJECT for item in made)
        self.assertGreater(reasons[True], 20)
        self.assertGreater(reasons[False], 1_800)
        wanted = Counter(row["article"] for item in made for row in item["lines"])
        self.assertGreater(wanted[article(0)], 10 * wanted[article(100)])
