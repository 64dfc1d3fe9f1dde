"""Indexes that databases have to be told of in different words."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement
from django.db.models import F


class LatestFirst(models.Index):
    """By one moment, the latest first, then by id; rows without one come last, as in lists. SQLite has them last
    without being told, and does not let itself be told."""

    def create_sql(
        self,
        model: type[models.Model],
        schema_editor: BaseDatabaseSchemaEditor,
        using: str = "",
        **kwargs: Any,
    ) -> Statement:
        if schema_editor.connection.vendor != "postgresql":
            return super().create_sql(model, schema_editor, using, **kwargs)
        terms = [F(self.fields[0].lstrip("-")).desc(nulls_last=True), F("pk").desc()]
        return models.Index(*terms, name=self.name).create_sql(model, schema_editor, using, **kwargs)
