import asyncio
import threading

import flowkeep
from flowkeep import aio
from test_records import WithQueue

from supervisor import Answer, record


class Asyncio(WithQueue):
    def test_records_are_worked_on_side_by_side(self) -> None:
        self.waiting = [record(number) for number in range(1, 9)]

        async def main() -> None:
            async def handle(item: flowkeep.Record) -> None:
                await asyncio.sleep(0)
                self.assertEqual(await aio.complete(item, ["select 1"]), "applied")

            source = self.client.records("orders", once=True, concurrency=4)
            async with asyncio.TaskGroup() as tasks:
                async for item in aio.records("orders", source=source):
                    tasks.create_task(handle(item))

        asyncio.run(main())
        self.assertEqual(sorted(self.settled()), [f"{number}/complete" for number in range(1, 9)])

    def test_a_task_that_is_cancelled_while_it_waits_ends_at_once(self) -> None:
        held = threading.Event()
        self.addCleanup(held.set)
        self.supervisor.script.append(Answer(200, {"records": [record(1)]}, after=held))

        async def main() -> None:
            async def work() -> None:
                async for _ in aio.records("orders", source=self.client.records("orders")):
                    self.fail("a record was handed out")

            task = asyncio.create_task(work())
            await asyncio.to_thread(self.supervisor.wait_for_requests, 1)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        asyncio.run(main())

    def test_a_record_that_comes_after_the_cancellation_is_given_back(self) -> None:
        self.waiting = [record(1)]
        source = self.client.records("orders")
        taken = threading.Event()
        go_on = threading.Event()
        take = source.__next__

        class Slow:
            def __next__(self) -> flowkeep.Record:
                item = take()
                taken.set()
                go_on.wait(10)
                return item

        async def main() -> None:
            task = asyncio.create_task(aio._next(Slow()))  # type: ignore[arg-type]
            await asyncio.to_thread(taken.wait, 10)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            go_on.set()
            await asyncio.to_thread(self.supervisor.wait_for_requests, 2)

        asyncio.run(main())
        self.assertEqual(self.settled(), ["1/release"])
