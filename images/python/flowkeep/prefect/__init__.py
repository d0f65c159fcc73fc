"""Lets a flow outlive its Prefect server: import it, and nothing else changes.

    import flowkeep.prefect  # before the flow runs

While the server answers, every call goes to it as without this module. While it is away, or refuses the credentials,
what Prefect's client tells it becomes operations of the supervisor's queue, and the client is answered here: the flow
begins, runs and ends. Once the server is back each run is there once, with its name, its parameters and its final
state. What the flow *asks* Prefect for beyond its own runs (variables, blocks, deployments) still fails without it.

A flow whose process is killed leaves a will with the supervisor, so that its run does not stay Running.
Without a supervisor (no `FLOWKEEP_SOCKET`), or without `PREFECT_API_URL`, importing this does nothing.
"""

import os

__all__ = ["active"]


def _install() -> bool:
    if not os.environ.get("FLOWKEEP_SOCKET"):
        return False
    from .install import install

    return install()


active = _install()
"""Whether outages are bridged in this process."""
