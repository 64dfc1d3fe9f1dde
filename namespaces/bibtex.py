"""Publications as BibTeX."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from namespaces import dois
from namespaces.crossref import ET_AL
from namespaces.search import fold
from namespaces.showing import Paper

CONTENT_TYPE = "application/x-bibtex; charset=utf-8"
_SHORTEST = 6
# BibTeX counts braces even behind a backslash, so that one that stands alone would swallow the rest of the file.
_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}", "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}", **{character: f"\\{character}" for character in "#$%&_"},
    }
)  # fmt: skip
_IN_ADDRESSES = str.maketrans({"{": "%7B", "}": "%7D", "\\": "%5C"})


def export(papers: Iterable[Paper]) -> str:
    """Return an entry for each. Its key stays, whatever else is listed: it is made from the publication alone."""
    taken: set[str] = set()
    entries = []
    for paper in papers:
        key = _key(paper, taken)
        taken.add(key)
        fields = "".join(f"  {name} = {{{value}}},\n" for name, value in _fields(paper).items() if value)
        entries.append(f"@misc{{{key},\n{fields}}}\n")
    return "\n".join(entries)


def _fields(paper: Paper) -> dict[str, str]:
    doi = dois.alone(paper.link)
    return {
        "title": f"{{{_escaped(paper.title)}}}",  # in braces of its own: styles change its capitals otherwise
        "author": " and ".join(map(_author, paper.names)),
        "year": str(paper.year or ""),
        "doi": doi.translate(_IN_ADDRESSES),
        "url": paper.link.translate(_IN_ADDRESSES),
    }


def _author(name: str) -> str:
    """Return a name as BibTeX parts it; in braces where it would part what is one."""
    if name == ET_AL:
        return "others"
    is_one = name.count(",") <= 1 and not re.search(r"\band\b", name, re.IGNORECASE)
    return _escaped(name) if is_one else f"{{{_escaped(name)}}}"


def _key(paper: Paper, taken: set[str]) -> str:
    family = paper.names[0].partition(",")[0] if paper.names else ""
    start = re.sub(r"[^a-z0-9]", "", fold(family))[:30] or "anonymous"
    digest = hashlib.sha256(paper.title.encode()).hexdigest()
    keys = (f"{start}{paper.year or ''}-{digest[:length]}" for length in range(_SHORTEST, len(digest) + 1))
    return next(key for key in keys if key not in taken)


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
