"""The migrations of `namespaces` in a version after this one: ours, and one more. Named by MIGRATION_MODULES."""

from namespaces import migrations

__path__ = [*__path__, *migrations.__path__]
