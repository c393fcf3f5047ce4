"""The documents and their code blocks."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\S*)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


# Documents whose `sh` blocks without a mark tests/integration/documents_test.py types.
TYPED = ("README.md", "docs/start.md", "docs/how-to.md", "docs/your-application.md",
         "docs/reference/functions.md", "docs/reference/drill.md", "docs/reference/deploy.md")


def documents():
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(document):
    """(language, mark, text) of each fenced block; the mark is one of docs/README.md, or empty."""
    return [(language, mark.strip(), text)
            for language, mark, text in BLOCK.findall(document.read_text(encoding="utf-8"))]


def prose(document):
    """The lines outside of fenced blocks, with their numbers."""
    fenced = False
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(document):
    """What GitHub makes of the headings."""
    found = set()
    for _, line in prose(document):
        if heading := re.match(r"#+ (.*)", line):
            text = re.sub(r"[`*]", "", heading.group(1).strip().lower())
            found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found
