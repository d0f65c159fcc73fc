"""flow3, concurrent order processing: each order gets its total and its goods, or the reason why not.

Several workers take orders for the same few articles at a time. Whether there is enough on hand is decided in the
transaction that completes the order, on locked rows: nothing is sold twice, whoever dies.
"""

NAME = "flow3"
