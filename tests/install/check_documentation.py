#!/usr/bin/env python3
"""Checks what the documentation promises to cover.

usage: check_documentation.py SOURCE_DIR

Every status has a section in docs/errors.md; every environment variable that the library reads is named in
README.md and docs/guide.md; every relative link of a Markdown file leads to a file, and to a heading of it.
"""

import pathlib
import re
import sys


def statuses(root):
    text = (root / "include/clformer/status.h").read_text()
    return re.findall(r"^\s*(CLF_(?:SUCCESS|ERR_\w+))\s*=\s*(\d+)", text, flags=re.MULTILINE)


def variables(root):
    found = set()
    for path in (root / "host").rglob("*.c"):
        # Macros of the build look alike; the library asks for variables by quoted names.
        found.update(re.findall(r'"(CLFORMER_[A-Z_]+)"', path.read_text()))
    return sorted(found)


def anchors(text):
    """The anchors of a Markdown file's headings."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(root):
    pages = sorted(root.glob("*.md")) + sorted((root / "docs").glob("*.md"))
    for page in pages:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"\w+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = page.parent / name if name else page
            if not file.exists():
                yield f"{page.relative_to(root)}: no file {target}"
            elif anchor and anchor not in anchors(file.read_text()):
                yield f"{page.relative_to(root)}: no heading for {target}"


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    root = pathlib.Path(sys.argv[1])
    errors = (root / "docs/errors.md").read_text()
    known = statuses(root)
    names = variables(root)
    problems = []
    for name, number in known:
        if f"\n## {name}\n" not in errors:
            problems.append(f"docs/errors.md: no section {name}")
        if not re.search(rf"^\|.*`{name}`.*\| {number} \|", errors, flags=re.MULTILINE):
            problems.append(f"docs/errors.md: the table has no {name} with {number}")
    for page in ("README.md", "docs/guide.md"):
        text = (root / page).read_text()
        problems += [f"{page}: {name} is not described" for name in names if f"`{name}`" not in text]
    problems += broken_links(root)
    if not known or not names:
        problems.append("no status or no environment variable was found")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(known)} statuses and {len(names)} environment variables looked up")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
