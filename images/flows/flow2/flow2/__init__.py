"""flow2, data validation: every row of every list gets a verdict, with its reasons.

A list is a CSV file; its columns say what kind it is (users, airports, …), and the kind says what a row has to be. Each
row ends up in flow2.verdicts as valid, invalid with every reason, or unchecked where there are no rules for its list.
"""

NAME = "flow2"
