#!/usr/bin/env python3
"""Checks that the shared library exports the functions of the public headers and nothing else."""

import argparse
import pathlib
import re
import subprocess
import sys


def code_of(header):
    """The header's text without comments and preprocessor lines."""
    text = re.sub(r"/\*.*?\*/", " ", header.read_text(), flags=re.DOTALL)
    text = re.sub(r"//[^\n]*", " ", text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*$", " ", text, flags=re.MULTILINE)


def declared_functions(folders, name, mark):
    """Function names that the expression finds, and those of them that are not marked."""
    names, unmarked = set(), set()
    for header in sorted(header for folder in folders for header in folder.glob("*.h")):
        # A type's body holds no declaration of a function.
        code = re.sub(r"\{[^{}]*\}", " ", code_of(header).replace('extern "C" {', " "))
        for declaration in code.split(";"):
            found = re.search(rf"\b({name})\s*\(", declaration)
            if found is None or re.search(r"\btypedef\b", declaration):
                continue
            names.add(found.group(1))
            if not re.search(rf"\b{mark}\b", declaration):
                unmarked.add(found.group(1))
    return names, unmarked


def exported_symbols(nm, library):
    lines = subprocess.run([nm, "--dynamic", "--defined-only", library], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    return {line.split()[-1] for line in lines}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", required=True)
    parser.add_argument("--headers", required=True, type=pathlib.Path, nargs="+", help="folders")
    parser.add_argument("--name", default=r"clf_\w+", help="expression of a function's name")
    parser.add_argument("--mark", default="CLF_API", help="macro that exports a function")
    parser.add_argument("--nm", default="nm")
    options = parser.parse_args()

    declared, unmarked = declared_functions(options.headers, options.name, options.mark)
    exported = exported_symbols(options.nm, options.library)
    problems = [f"{name}: declared without {options.mark}" for name in sorted(unmarked)]
    problems += [f"{name}: declared but not exported" for name in sorted(declared - exported)]
    problems += [f"{name}: exported but not declared" for name in sorted(exported - declared)]
    if not declared:
        problems.append("no function found in " + ", ".join(map(str, options.headers)))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(declared)} functions declared, {len(exported)} symbols exported")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
