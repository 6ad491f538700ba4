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


def declared_functions(folder):
    """Function names, and those of them that are not marked CLF_API."""
    names, unmarked = set(), set()
    for header in sorted(folder.glob("*.h")):
        # A type's body holds no declaration of a function.
        code = re.sub(r"\{[^{}]*\}", " ", code_of(header).replace('extern "C" {', " "))
        for declaration in code.split(";"):
            found = re.search(r"\b(clf_\w+)\s*\(", declaration)
            if found is None or re.search(r"\btypedef\b", declaration):
                continue
            names.add(found.group(1))
            if not re.search(r"\bCLF_API\b", declaration):
                unmarked.add(found.group(1))
    return names, unmarked


def exported_symbols(nm, library):
    lines = subprocess.run([nm, "--dynamic", "--defined-only", library], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    return {line.split()[-1] for line in lines}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", required=True)
    parser.add_argument("--headers", required=True, type=pathlib.Path)
    parser.add_argument("--nm", default="nm")
    options = parser.parse_args()

    declared, unmarked = declared_functions(options.headers)
    exported = exported_symbols(options.nm, options.library)
    problems = [f"{name}: declared without CLF_API" for name in sorted(unmarked)]
    problems += [f"{name}: declared but not exported" for name in sorted(declared - exported)]
    problems += [f"{name}: exported but not declared" for name in sorted(exported - declared)]
    if not declared:
        problems.append(f"no function found in {options.headers}")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(declared)} functions declared, {len(exported)} symbols exported")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
