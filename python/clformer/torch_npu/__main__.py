"""Runs a script for an NPU as it is: python -m clformer.torch_npu SCRIPT [ARGUMENT...]"""

import pathlib
import runpy
import sys

from clformer.torch_npu import install


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__, file=sys.stdout if len(sys.argv) > 1 else sys.stderr)
        return 0 if len(sys.argv) > 1 else 2
    del sys.argv[0]
    # As python itself does for a script.
    sys.path.insert(0, str(pathlib.Path(sys.argv[0]).resolve().parent))
    install()
    runpy.run_path(sys.argv[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
