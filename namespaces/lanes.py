"""The queues of the workers. What may end a right has a lane of its own, in front of everything else."""

REVOCATIONS, CHANGES = "revocations", "changes"
