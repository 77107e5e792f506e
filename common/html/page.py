"""Builds a self-contained HTML page: inline style, inline SVG, no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.verdict { padding: .8rem 1rem; border-left: 4px solid #448361; background: #f1f7f3; }
.verdict.bad { border-color: #b00020; background: #fbf0f1; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0; }
.wide { overflow-x: auto; }
th, td { padding: .2rem .8rem .2rem 0; text-align: right; border-bottom: 1px solid #eee; }
th { font-weight: 600; color: #555; } th:first-child, td:first-child { text-align: left; }
svg { max-width: 100%; height: auto; }
pre { overflow-x: auto; font-size: 13px; }
pre.passage { white-space: pre-wrap; overflow-wrap: anywhere; background: #f7f7f5; padding: .6rem .8rem; }
.passage .quiet { color: #8a8a86; }
@media (max-width: 500px) { table { font-size: 12px; } th, td { padding-right: .4rem; } }
p { overflow-wrap: anywhere; }
p.note { color: #666; font-size: .9rem; }
.gallery { display: flex; flex-wrap: wrap; gap: 1rem; } .gallery figure { margin: 0; width: 9rem; }
.gallery figcaption { font-size: .75rem; line-height: 1.3; color: #555; overflow-wrap: anywhere; }
.gallery figcaption { white-space: pre-line; }
.gallery img { min-width: 4rem; max-width: 100%; image-rendering: pixelated; }
"""


def page(title: str, parts: Iterable[str], *, refresh: int | None = None) -> str:
    """Builds a whole HTML document; a browser loads it again after `refresh` seconds, if that is given."""
    again = "" if refresh is None else f'<meta http-equiv="refresh" content="{refresh}">\n'
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{again}<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def heading(text: str) -> str:
    """Makes the heading of a section."""
    return f"<h2>{escape(text)}</h2>"


def note(text: str) -> str:
    """A paragraph in a quieter tone."""
    return f'<p class="note">{escape(text)}</p>'


def verdict(text: str, good: bool) -> str:
    """The sentence that the page exists for."""
    return f'<p class="verdict{"" if good else " bad"}">{escape(text)}</p>'


def preformatted(text: str) -> str:
    """Text whose columns are aligned by spaces."""
    return f"<pre>{escape(text)}</pre>"


def passage(text: str) -> str:
    """Foreign text as it is, wrapped; control characters, which a page must not hold, are shown as U+FFFD."""
    return f'<pre class="passage">{escape(printable(text))}</pre>'


def printable(text: str) -> str:
    """Text without control characters."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


def spans(parts: Iterable[tuple[str, bool]]) -> str:
    """A passage of which some parts are quieter: (text, whether it is in full colour)."""
    shown = "".join(
        escape(printable(text)) if loud else f'<span class="quiet">{escape(printable(text))}</span>'
        for text, loud in parts
    )
    return f'<pre class="passage">{shown}</pre>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of text cells."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>'


def gallery(pictures: Iterable[tuple[str, str]]) -> str:
    """Small pictures side by side: (data URI, what to say of it)."""
    shown = "".join(
        f'<figure><img src="{escape(uri)}" alt=""><figcaption>{escape(text)}</figcaption></figure>\n'
        for uri, text in pictures
    )
    return f'<div class="gallery">\n{shown}</div>'


def links(targets: Iterable[tuple[str, str]]) -> str:
    """Links in a row: (address, what is there)."""
    return f'<p>{" · ".join(f"""<a href="{escape(address)}">{escape(text)}</a>""" for address, text in targets)}</p>'
