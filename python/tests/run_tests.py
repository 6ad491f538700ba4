#!/usr/bin/env python3
"""Runs one file of the Python tests for ctest.

usage: run_tests.py FILE [MODULE...]

Where pytest or one of the MODULEs is not installed, says so and exits with 77, which ctest counts as
skipped. Tests that are skipped inside are listed with their reasons.
"""

import importlib
import sys


def main():
    file, *modules = sys.argv[1:]
    for module in ["pytest", *modules]:
        try:
            importlib.import_module(module)
        except ImportError as problem:
            print(f"skipped: {file} needs {module}, which {sys.executable} cannot import: {problem}")
            return 77
    import pytest

    # The tree may be read-only: no cache folder.
    return pytest.main(["-q", "-rs", "--durations=3", "-p", "no:cacheprovider", file])


if __name__ == "__main__":
    sys.exit(main())
