"""Places made-up orders: when the flow starts (CONTAINER_APP_ORDERS), or by hand in a running container:

    docker compose -f compose/compose.yaml exec flow3 python -m flow3.feed --seed 7 --orders 1000

The same seed makes the same orders, and an order is placed once, by its number.
"""

import argparse
import os
from itertools import islice
from threading import Event

import flowkeep
from worker import log

from . import NAME
from .orders import orders

AT_ONCE = 500
AGAIN_SECONDS = 5.0


def feed(seed: int, count: int, stop: Event) -> None:
    """Tries again until all are placed."""
    made = orders(seed, count)
    placed = 0
    batch = list(islice(made, AT_ONCE))
    while batch and not stop.is_set():
        try:
            flowkeep.enqueue(NAME, batch, key=lambda order: order["number"])
        except flowkeep.FlowkeepError as error:
            log.warning("orders cannot be placed now", error=str(error))
            stop.wait(AGAIN_SECONDS)
            continue
        placed += len(batch)
        batch = list(islice(made, AT_ONCE))
    log.info("orders placed", seed=seed, orders=placed)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m flow3.feed", description="Places made-up orders.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders", type=int, default=1_000)
    options = parser.parse_args()
    os.environ.setdefault("FLOWKEEP_SOCKET", "/run/flowkeep/control.sock")
    log.begin(NAME, None)
    feed(options.seed, options.orders, Event())


if __name__ == "__main__":
    main()
