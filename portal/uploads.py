"""Files that people send: kept in memory, and no more of them than the largest that is taken."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler

MOST_SENT = 8 * 1024 * 1024
MOST_KEPT = 512 * 1024  # the largest file that any form takes


class InMemory(FileUploadHandler):
    """Nothing is written to a disk. What is too large for any form is read to its end and thrown away, so that the form
    can say so; of what is far too large nothing is read."""

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        """Refuse before anything is read."""
        if content_length > MOST_SENT:
            raise RequestDataTooBig("A form with files is too large.")

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin another file."""
        super().new_file(*args, **kwargs)
        self.kept = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Keep what there is room for."""
        self.kept.write(raw_data[: max(0, MOST_KEPT - start)])

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        """Return the file with the size that it had, however much of it was kept."""
        self.kept.seek(0)
        return InMemoryUploadedFile(
            self.kept,
            self.field_name,
            self.file_name,
            self.content_type,
            file_size,
            self.charset,
            self.content_type_extra,
        )
