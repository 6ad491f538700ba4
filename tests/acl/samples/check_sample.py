#!/usr/bin/env python3
"""Runs a sample program and compares the numbers it prints with the documents' golden values.

usage: check_sample.py SAMPLE PROGRAM
"""

import math
import re
import subprocess
import sys

# Sample: absolute and relative tolerance (half a unit of the last digit given), and the numbers.
GOLDEN = {
    "softmax": (5e-7, 0, [0.5, 0.5, 0.268941, 0.731059] * 4),
    "softmax_backward": (0, 1e-6, [0, 0, -66, -84, 0, 0, -742, -840,
                                   0, 0, -2794, -3036, 0, 0, -6990, -7440]),
    "ffn_v2": (0, 1e-6, [7.835902e19, 7.347887e19, 794.4882, 7.146121e19]),
    "ffn_v3": (0, 1e-6, [7.835902e19, 7.347887e19, 794.4882, 7.146121e19]),
    "floyd": (0, 1e-6, [112.5] * 4 + [128] * 4 + [256] * 8),
    # Pairs of fp16 0 and infinity.
    "floyd_grad": (0, 1e-6, [2.658456e36] * 4),
    "attention": (2e-6, 1e-6, [1.2125] * 8 + [0.875] * 8 + [1.861152] * 8 + [1.406195] * 8
                  + [1.102722, 2.517544, 1.128211, 2.032438]),
    "attention_grad": (1e-5, 0, [-.58891, -.58532, .34847, .31520,
                                 .08039, -.06300, .64257, -.30799, -.72295, .37098,
                                 .63258, 1.14527, .24021, .03243, .62720, -.17769,
                                 .05746, .50273, -.56018, -.04586, -.27967, .32554]),
}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in GOLDEN:
        print(__doc__, file=sys.stderr)
        return 2
    absolute, relative, golden = GOLDEN[sys.argv[1]]
    run = subprocess.run([sys.argv[2]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         check=False)
    print(run.stdout, end="")
    if run.returncode != 0:
        print(f"{sys.argv[2]} ended with {run.returncode}")
        return 1
    printed = [float(number) for number in re.findall(r" is: (\S+)$", run.stdout, re.MULTILINE)]
    if len(printed) != len(golden):
        print(f"{len(printed)} numbers, expected {len(golden)}")
        return 1
    wrong = [(place, number, expected)
             for place, (number, expected) in enumerate(zip(printed, golden))
             if not math.isclose(number, expected, rel_tol=relative, abs_tol=absolute)]
    for place, number, expected in wrong:
        print(f"number {place} is {number}, expected {expected}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
