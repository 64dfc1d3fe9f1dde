"""Files that are sent: in memory, and no more of them than the largest that is taken."""

from __future__ import annotations

import tempfile

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.test import RequestFactory

from namespaces.logos import LARGEST
from portal.uploads import MOST_KEPT, MOST_SENT


def sent(size: int, count: int = 1) -> HttpRequest:
    files = {f"file{number}": SimpleUploadedFile("a.png", bytes(size)) for number in range(count)}
    return RequestFactory().post("/", {"word": "x", **files})


def test_no_form_takes_a_larger_file_than_is_kept() -> None:
    assert MOST_KEPT == LARGEST


@pytest.mark.parametrize("size", [1, MOST_KEPT - 1, MOST_KEPT, MOST_KEPT + 1, 3_000_000])
def test_file_has_its_size_however_much_of_it_is_kept(size: int) -> None:
    request = sent(size)
    file = request.FILES["file0"]
    assert file.size == size  # type: ignore[union-attr]
    assert len(file.read()) == min(size, MOST_KEPT)  # type: ignore[union-attr]
    assert request.POST["word"] == "x"


def test_each_of_several_files_has_what_it_holds() -> None:
    assert [file.size for file in sent(300_000, 3).FILES.values()] == [300_000] * 3  # type: ignore[union-attr]


def test_nothing_is_written_to_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_more: object) -> None:
        raise AssertionError("a file was made")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    assert sent(5_000_000).FILES["file0"].size == 5_000_000  # type: ignore[union-attr]


def test_far_too_much_is_refused_before_it_is_read() -> None:
    request = sent(MOST_SENT)
    with pytest.raises(RequestDataTooBig):
        _ = request.POST
