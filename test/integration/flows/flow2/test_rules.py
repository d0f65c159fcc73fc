import io
import os
import unittest
from collections import Counter
from pathlib import Path

from flow2.rules import KINDS, kind_of, reasons_against
from flow2.verdicts import effects_of, verdicts_of
from worker.csv_records import Position, read_records
from worker.parts import PartPayload

USER = {
    "user_id": "U000001",
    "name": "Zoë Ångström",
    "email": "zoe@example.org",
    "born": "1990-12-31",
    "country": "SE",
    "phone": "",
}
SAMPLE = Path(__file__).parents[4] / "images/flows/flow2/sample/users.csv"


def against(**changes: str) -> list[str]:
    row = USER | changes
    kind = kind_of(row)
    assert kind is not None
    return reasons_against(kind, row)


class Users(unittest.TestCase):
    def test_a_sound_user_and_every_script_a_name_may_have(self) -> None:
        for name in ("Zoë Ångström", "李小龍", "محمد علي", "O'Brien; drop table users;--", "👩‍🚀 Astro"):
            self.assertEqual(against(name=name), [], name)

    def test_each_column_is_judged_by_its_own_rule(self) -> None:
        for changes, reason in (
            ({"user_id": "u000001"}, "user_id is 'u000001', not U and six digits"),
            ({"user_id": "U00000١"}, "user_id is 'U00000١', not U and six digits"),
            ({"name": " "}, "name is empty"),
            ({"name": "x" * 201}, "name has 201 characters, more than 200"),
            ({"name": "a\u202eb"}, "name has the control character U+202E"),
            ({"email": "a..b@example.org"}, "email is 'a..b@example.org', not an e-mail address"),
            ({"email": "a@example"}, "email is 'a@example', not an e-mail address"),
            ({"email": "a@-x.org"}, "email is 'a@-x.org', not an e-mail address"),
            ({"email": "a@" + "x" * 300}, "email has 302 characters, more than 254"),
            ({"born": "1990-02-29"}, "born is '1990-02-29', not a date such as 1990-12-31"),
            ({"born": "19901231"}, "born is '19901231', not a date such as 1990-12-31"),
            ({"born": "2999-01-01"}, "born is 2999-01-01, not from 1900 to today"),
            ({"country": "swe"}, "country is 'swe', not two capital letters"),
            ({"phone": "0151"}, "phone is '0151', not a number such as +4915112345678"),
        ):
            self.assertEqual(against(**changes), [reason])

    def test_every_reason_is_told(self) -> None:
        self.assertEqual(len(against(name="", email="x", born="x", country="x", phone="x")), 5)


class Lists(unittest.TestCase):
    def verdicts(self, path: Path) -> list[tuple[str, str | None]]:
        with path.open("rb") as stream:
            return [(v.verdict, v.kind) for v in verdicts_of(list(read_records(stream, Position())))]

    def test_the_sample_has_sound_users_and_broken_ones(self) -> None:
        found = Counter(verdict for verdict, _ in self.verdicts(SAMPLE))
        # The second U000001 is told by the database.
        self.assertEqual(found, {"valid": 6, "invalid": 9})

    def test_real_lists(self) -> None:
        data = Path(os.environ["FLOW_TEST_DATA"])
        for name, kind, invalid in (("seattle-weather", "weather", 0), ("stocks", "stocks", 0), ("airports", "airports", 0)):
            found = self.verdicts(data / f"{name}.csv")
            self.assertEqual({kind for _, kind in found}, {kind}, name)
            self.assertEqual(sum(verdict == "invalid" for verdict, _ in found), invalid, name)

    def test_a_list_without_rules_is_unchecked(self) -> None:
        [verdict] = verdicts_of(list(read_records(io.BytesIO(b"a,b\n1,2\n"), Position())))
        self.assertEqual((verdict.verdict, verdict.reasons), ("unchecked", ["there are no rules for a list with the columns a, b"]))

    def test_only_a_sound_row_claims_its_identity(self) -> None:
        text = "user_id,name,email,born,country,phone\nU000001,,a@b.org,1990-01-01,SE,\nU000001,A,a@b.org,1990-01-01,SE,\n"
        found = list(verdicts_of(list(read_records(io.BytesIO(text.encode()), Position()))))
        self.assertEqual([v.own for v in found], [None, "U000001"])

    def test_weather_that_contradicts_itself(self) -> None:
        kind = next(kind for kind in KINDS if kind.name == "weather")
        row = {"date": "2012-01-01", "precipitation": "0.0", "temp_max": "1", "temp_min": "2", "wind": "3", "weather": "sun"}
        self.assertEqual(reasons_against(kind, row), ["temp_min 2 is above temp_max 1"])
        self.assertEqual(reasons_against(kind, row | {"temp_max": "nan"}), ["temp_max is 'nan', not a number"])

    def test_verdicts_and_part_are_stored_together(self) -> None:
        part: PartPayload = {"file": "u.csv", "path": "u.csv", "part": 3, "offset": 0, "line": 1, "records": 1}
        records = list(read_records(io.BytesIO(b"a\n1\n"), Position()))
        (_, [file, rows]), (_, counts) = effects_of(part, records, "run 1")
        self.assertEqual((file, len(rows), counts), ("u.csv", 1, ["u.csv", 3, 1, "run 1"]))
