"""What the three flows have in common: a long-running worker under Flowkeep.

It takes the records of a queue in batches, hands each batch to a Prefect flow, and settles them with their effects. It
holds no password and no session: everything that is stored goes through the supervisor, exactly once, also while the
database is away. It ends when the container drains or it is told to stop, with the batch in hand done.
"""
