#!/usr/bin/env python3
"""Checks that the C example of the README is the text of the example's source file.

usage: check_readme.py README.md softmax.c
"""

import difflib
import pathlib
import re
import sys


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    readme, source = (pathlib.Path(argument) for argument in sys.argv[1:])
    blocks = re.findall(r"^```c\n(.*?)^```$", readme.read_text(), flags=re.DOTALL | re.MULTILINE)
    if len(blocks) != 1:
        print(f"{readme}: {len(blocks)} blocks of C where one is expected", file=sys.stderr)
        return 1
    difference = list(difflib.unified_diff(blocks[0].splitlines(), source.read_text().splitlines(),
                                           str(readme), str(source), lineterm=""))
    print("\n".join(difference) if difference else "the README's example is " + source.name)
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
