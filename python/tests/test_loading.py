"""Finding the library, and refusing what is not the right one."""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import clformer
from clformer import _library


def import_with(library):
    environment = {**os.environ, "CLFORMER_LIBRARY": str(library)}
    return subprocess.run([sys.executable, "-c", "import clformer"], env=environment,
                          capture_output=True, text=True)


def test_missing_library_is_named(tmp_path):
    result = import_with(tmp_path / "nowhere.so")
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: the clformer library could not be loaded; tried "
                           "$CLFORMER_LIBRARY: ")
    assert "nowhere.so" in last


def test_another_library_is_refused():
    result = import_with("libc.so.6")
    assert result.returncode == 1
    assert "ImportError: libc.so.6 has no function clf_version: it is another version" in result.stderr


def test_without_the_variable_two_places_are_tried(monkeypatch):
    monkeypatch.delenv("CLFORMER_LIBRARY", raising=False)
    places = _library._candidates()
    assert [place for _, place in places] == ["beside the package", "the system's libraries"]
    assert places[0][0].endswith(os.path.join("clformer", _library.FILE_NAME))
    assert places[1][0] == _library.FILE_NAME


@pytest.mark.parametrize("found, wanted, fits", [
    ("0.1.0", "0.1.5", True), ("0.2.0", "0.1.0", False), ("1.4.0", "1.0.2", True),
    ("2.0.0", "1.0.0", False), ("1.0.0", "0.9.0", False)])
def test_versions(found, wanted, fits):
    if fits:
        _library.check_version(found, wanted, "a library")
    else:
        with pytest.raises(ImportError, match=f"a library is clformer {found}, accepted: "):
            _library.check_version(found, wanted, "a library")


def test_build_info_names_the_version():
    assert clformer.__version__ in clformer.build_info()
    assert os.path.basename(clformer.library_path)


def test_pip_installs_the_source_tree(tmp_path):
    """A copy of it, because building leaves files."""
    for module in ("pip", "setuptools", "wheel"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    source = pathlib.Path(__file__).resolve().parents[1]
    if not (source / "pyproject.toml").is_file():
        pytest.skip(f"{source} is not the source tree")
    shutil.copytree(source, tmp_path / "source", ignore=shutil.ignore_patterns("__pycache__", "tests"))
    place = tmp_path / "installed"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
                    "--no-build-isolation", "--target", place, tmp_path / "source"], check=True)
    assert (place / "clformer/py.typed").is_file()
    assert (place / "clformer/torch_npu/__main__.py").is_file()
    path = os.environ.get("PYTHONPATH", "")
    program = "import clformer; print(clformer.__version__, clformer.__file__)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                            env={**os.environ, "PYTHONPATH": f"{place}{os.pathsep}{path}"},
                            check=True, cwd=tmp_path)
    assert result.stdout.split() == [clformer.__version__, str(place / "clformer/__init__.py")]
