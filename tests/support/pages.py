"""The examples and links of pages in Markdown."""

import re
import shlex
from pathlib import Path

from tests.support.paths import ROOT

FENCED = re.compile(r"^```.*?^```$", re.M | re.S)


def pages() -> list[Path]:
    """The pages that people read, the front ones first."""
    return [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
        ROOT.glob("docs/**/*.md")
    )


def python_blocks(page: Path) -> list[str]:
    """The blocks of Python of a page, in order."""
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)


def recipes() -> list[Path]:
    """The files of settings that come with the program, each with the commands that it is for."""
    return [ROOT / "config.yaml", *sorted(ROOT.glob("demo/*.yaml"))]


def commands(page: Path) -> list[list[str]]:
    """The arguments of the program's commands in a page or a recipe; a loop's $mode is its first."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"python main\.py +(-[^`\n]*)", text)
    plain = [
        re.sub(r"(;| [>|}#]| then | or -| \.\.\.|   +[^-\s]).*", "", line).replace("$mode", "prep") for line in lines
    ]
    return [shlex.split(line.replace("MODE", "prep").replace("\\", "/")) for line in plain]


def settings_named(page: Path) -> set[str]:
    """The settings, with their section, that a page tells of; those of models are each model's own."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"\b(?:prep|review|train|eval|export)(?:\.[a-z_]+)+\b(?!\()", text)
    return {name for name in found if not re.search(r"\.(md|py|yaml)$", name)}


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page lead, but for those to other sites."""
    text = re.sub(r"`[^`\n]*`", "", FENCED.sub("", page.read_text(encoding="utf-8")))
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """What a link to a heading of a page ends with: the heading in lower case, without marks, hyphens for spaces."""
    headings = re.findall(r"^#+ +(.*?)\s*$", FENCED.sub("", page.read_text(encoding="utf-8")), re.M)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def wrong_links(page: Path) -> list[str]:
    """The links of a page that lead to no file, or to no heading of it."""
    wrong = []
    for target in links(page):
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            wrong.append(target)
    return wrong
