"""Redis for programs that speak its job bus: their messages become loads, the ledger's truth is
mirrored back. Loads work without it.

Published messages are not kept by Redis, so they are durable in PostgreSQL before anything else
happens; a stream of the same name is the way in for those who must not lose a message.
"""

from tickstock.extras import require

require("redis")  # before what imports it

from tickstock.bridge.connect import open_redis
from tickstock.bridge.handler import DataLoadJobHandler
from tickstock.bridge.mirror import Pace
from tickstock.bridge.run import Bridge

__all__ = ["Bridge", "DataLoadJobHandler", "Pace", "open_redis"]
