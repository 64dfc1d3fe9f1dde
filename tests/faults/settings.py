"""The settings of a worker that dies or stands still at a point that a test names (`failpoints`)."""

from portal.settings import *  # noqa: F403

CLUSTER_CONNECT = "tests.faults.failpoints.connect"
