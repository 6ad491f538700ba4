"""The structs, numbers, defaults and prototypes of the package are those of the C headers."""

import ctypes
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from clformer import _declarations, _opencl
from clformer._version import __version__

INCLUDE = pathlib.Path(
    os.environ.get("CLFORMER_INCLUDE", pathlib.Path(__file__).resolve().parents[2] / "include"))
COMPILER = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")

STRUCTS = {"clf_tensor": _declarations.Tensor}
STRUCTS.update((arguments.__name__, arguments) for arguments in _declarations.OPERATORS.values())

ENUMERATORS = {
    **_declarations.STATUS,
    **{f"CLF_DTYPE_{name.upper()}": number for name, (number, _) in _declarations.DTYPES.items()},
    **{f"CLF_VARIANT_{name.upper()}": number for name, number in _declarations.VARIANTS.items()},
    **{f"CLF_FLOYD_METHOD_{name.upper()}": number
       for name, number in _declarations.FLOYD_METHODS.items()},
    **{f"CLF_SLOT_{name.upper()}": number for name, number in _declarations.SLOTS.items()},
    "CLF_MAX_RANK": _declarations.MAX_RANK,
    "CLF_ALL_TOKENS": _declarations.ALL_TOKENS,
    "CL_MEM_READ_WRITE": _opencl.MEM_READ_WRITE,
    "CL_MEM_READ_ONLY": _opencl.MEM_READ_ONLY,
    "CL_MEM_USE_HOST_PTR": _opencl.MEM_USE_HOST_PTR,
    "CL_MAP_READ": _opencl.MAP_READ,
    "CL_DEVICE_HOST_UNIFIED_MEMORY": _opencl.DEVICE_HOST_UNIFIED_MEMORY,
}

C_TYPES = {"enum": "int"}


def program():
    """Prints sizes, offsets, numbers, and the bytes of the structs as their macros fill them."""
    lines = ["#include <stdio.h>", "#include <stddef.h>", "#include <clformer/clformer.h>",
             "int main(void) {"]
    for name, struct in STRUCTS.items():
        lines.append(f'printf("size {name} %zu\\n", sizeof({name}));')
        for field, *_ in struct._fields_:
            lines.append(f'printf("place {name}.{field} %zu %zu\\n", offsetof({name}, {field}), '
                         f"sizeof((({name} *)0)->{field}));")
        if struct is not _declarations.Tensor:
            lines.append(f"{{ {name} a = {name.upper()};")
            for field, kind in struct.KIND.items():
                form = "%.17g" if kind == "double" else "%lld"
                value = f"a.{field}"
                value += " != NULL" if kind in ("tensor", "numbers", "text") else ""
                cast = "(double)" if kind == "double" else "(long long)"
                lines.append(f'printf("default {name}.{field} {form}\\n", {cast}({value}));')
            lines.append("}")
    for name in ENUMERATORS:
        lines.append(f'printf("number {name} %lld\\n", (long long){name});')
    return "\n".join(lines + ["return 0;", "}"])


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    if COMPILER is None:
        pytest.skip("no C compiler was found")
    if not (INCLUDE / "clformer/clformer.h").is_file():
        pytest.skip(f"no headers in {INCLUDE}")
    folder = tmp_path_factory.mktemp("declarations")
    (folder / "facts.c").write_text(program())
    subprocess.run([COMPILER, "-std=c11", f"-I{INCLUDE}", "-o", folder / "facts", folder / "facts.c"],
                   check=True)
    printed = subprocess.run([folder / "facts"], check=True, capture_output=True, text=True).stdout
    return {" ".join(line.split()[:2]): line.split()[2:] for line in printed.splitlines()}


@pytest.mark.parametrize("name", STRUCTS)
def test_struct_has_the_layout_of_the_header(facts, name):
    struct = STRUCTS[name]
    assert [str(ctypes.sizeof(struct))] == facts[f"size {name}"]
    for field, *_ in struct._fields_:
        place = getattr(struct, field)
        assert [str(place.offset), str(place.size)] == facts[f"place {name}.{field}"], field


@pytest.mark.parametrize("name", [name for name in STRUCTS if name != "clf_tensor"])
def test_defaults_are_those_of_the_macro(facts, name):
    ours = STRUCTS[name].begin()
    assert ours.struct_size == ctypes.sizeof(ours)
    for field, kind in STRUCTS[name].KIND.items():
        value = getattr(ours, field)
        number = bool(value) if kind in ("tensor", "numbers", "text") else value
        assert float(facts[f"default {name}.{field}"][0]) == float(number), field


def test_numbers_are_those_of_the_headers(facts):
    for name, number in ENUMERATORS.items():
        assert facts[f"number {name}"] == [str(number)], name


def header_text():
    if not INCLUDE.is_dir():
        pytest.skip(f"no headers in {INCLUDE}")
    text = "".join(path.read_text() for path in sorted((INCLUDE / "clformer").glob("*.h")))
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)


def test_every_enumerator_is_declared():
    found = set(re.findall(r"\bCLF_(?:SLOT|DTYPE|VARIANT|FLOYD_METHOD|ERR)_\w+(?=\s*=)", header_text()))
    assert found == {name for name in ENUMERATORS
                     if re.match("CLF_(SLOT|DTYPE|VARIANT|FLOYD_METHOD|ERR)_", name)}


def c_arguments(text):
    """The arguments of a prototype as ctypes has them: pointers and handles are pointers."""
    kinds = []
    for argument in text.split(","):
        words = argument.replace("const", " ").split()
        if words in (["void"], []):
            continue
        if "*" in argument or words[0] in ("cl_mem", "cl_command_queue", "cl_event"):
            kinds.append("pointer")
        else:
            kinds.append({"clf_status": "int", "clf_slot": "int", "cl_uint": "uint32"}.get(
                words[0], words[0]))
    return kinds


def python_kind(kind):
    known = {ctypes.c_int: "int", ctypes.c_uint32: "uint32", ctypes.c_size_t: "size_t"}
    return known.get(kind, "pointer")


def test_prototypes_are_those_of_the_headers():
    text = re.sub(r"\s+", " ", header_text())
    for name, (_, arguments) in _declarations.FUNCTIONS.items():
        found = re.search(rf"\b{name}\s*\(([^)]*)\)", text)
        assert found, f"{name} is not in the headers"
        assert c_arguments(found.group(1)) == [python_kind(kind) for kind in arguments], name


def test_every_function_is_known():
    text = re.sub(r"\s+", " ", header_text())
    declared = set(re.findall(r"\b(clf_\w+)\s*\(", text))
    without_use = {"clf_tensor_contiguous", "clf_dtype_size", "clf_dtype_bits", "clf_dtype_name",
                   "clf_device_create", "clf_log_set_callback"}
    assert declared == set(_declarations.FUNCTIONS) | without_use


def test_version_is_that_of_the_header():
    path = INCLUDE / "clformer/version.h"
    if not path.is_file():
        pytest.skip(f"no {path}")
    parts = re.findall(r"#define CLF_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", path.read_text())
    assert __version__ == ".".join(parts)
