"""A walk through built pages: what is wrong with them and what they weigh."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page loads, where it leads, which anchors it has, and images without alt text."""

    def __init__(self, path: Path):
        super().__init__()
        self.path, self.loads, self.links, self.ids, self.mute = path, [], [], set(), []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids |= {found.get("id"), found.get("name")}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in ("img", "script", "source", "video", "iframe") and found.get("src"):
            self.loads.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload", "modulepreload"):
            self.loads.append(found["href"])
        if tag == "img" and len(found.get("alt") or "") < 10:
            self.mute.append(found.get("src", "")[:80])

    def file(self, address: str) -> Path:
        """The local file an address stands for."""
        path = unquote(urlsplit(address).path)
        return (self.path.parent / path).resolve() if path else self.path


def is_outside(address: str) -> bool:
    return bool(urlsplit(address).scheme or urlsplit(address).netloc)


def faults(html: Path) -> list[str]:
    """What is wrong with the built pages, a line for each."""
    pages = {path.resolve(): Page(path) for path in sorted(html.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        name = path.relative_to(html.resolve()).as_posix()
        found += [f"{name}: image without alt text: {source}" for source in page.mute]
        for address in page.loads:
            if address.startswith("data:"):
                continue
            if is_outside(address):
                found.append(f"{name}: loads {address} from another host")
            elif not page.file(address).is_file():
                found.append(f"{name}: loads {address}, which is not there")
        for address in page.links:
            if is_outside(address):
                continue
            target, anchor = page.file(address), unquote(urlsplit(address).fragment)
            if not target.is_file():
                found.append(f"{name}: links to {address}, which is not there")
            elif anchor and target in pages and anchor not in pages[target].ids:
                found.append(f"{name}: links to {address}; no such anchor")
    for sheet in html.rglob("*.css"):
        for address in re.findall(
            r"(?:url\(|@import\s+)[\"']?(https?:[^\"')\s]+)", sheet.read_text("utf-8")
        ):
            found.append(f"{sheet.name}: loads {address} from another host")
    return found


def lost_links(text: Path) -> list[str]:
    """The local links and images of a Markdown file that lead nowhere (lychee looks at anchors, too)."""
    found = re.findall(
        r"\]\(([^)\s]+)\)", re.sub(r"(?s)```.*?```|`[^`\n]*`", "", text.read_text("utf-8"))
    )
    local = [unquote(urlsplit(a).path) for a in found if not is_outside(a)]
    return [
        f"{text.name}: links to {a}, which is not there"
        for a in local
        if a and not (text.parent / a).exists()
    ]


def weigh(html: Path) -> dict[str, dict]:
    """Each page's own size and that of all it loads, in kB, as on disk and compressed."""
    sizes: dict[Path, tuple[int, int]] = {}

    def size(path: Path) -> tuple[int, int]:
        if path not in sizes:
            data = path.read_bytes()
            sizes[path] = len(data), len(gzip.compress(data, 6))
        return sizes[path]

    report = {}
    for path in sorted(html.rglob("*.html")):
        page = Page(path)
        local = {page.file(a) for a in page.loads if not is_outside(a)}
        own, all_of_it = size(path), [size(path), *(size(f) for f in local)]
        report[path.relative_to(html).as_posix()] = {
            "page_kB": round(own[0] / 1000),
            "page_compressed_kB": round(own[1] / 1000),
            "all_kB": round(sum(a for a, _ in all_of_it) / 1000),
            "all_compressed_kB": round(sum(b for _, b in all_of_it) / 1000),
        }
    return report
