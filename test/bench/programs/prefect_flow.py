"""A flow of Prefect with a subflow and tasks, run again and again; prints one line of JSON with what a run took."""

import json
import sys
import time

began = time.perf_counter()
if "--plain" not in sys.argv:
    import flowkeep.prefect

    assert flowkeep.prefect.active
from prefect import flow, get_run_logger, task

imported = time.perf_counter()
RUNS = int(sys.argv[1])


@task
def price(item: int) -> int:
    get_run_logger().info("priced %s", item)
    return item


@flow
def add_up(prices: list[int]) -> int:
    return sum(prices)


@flow
def order(items: list[int]) -> int:
    return add_up([price(item) for item in items])


order(list(range(5)))  # connections, caches
took = []
processor = time.process_time()
for _ in range(RUNS):
    start = time.perf_counter()
    order(list(range(5)))
    took.append((time.perf_counter() - start) * 1000)
cpu = (time.process_time() - processor) * 1000 / RUNS
took.sort()
print(json.dumps({"run": took[len(took) // 2], "cpu": cpu, "import": (imported - began) * 1000}), flush=True)
