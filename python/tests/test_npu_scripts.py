"""Scripts that were written for an NPU run as they are."""

import os
import pathlib
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

# As in the operator document of FFN, with smaller weights.
SCRIPT = """
import sys
import torch
import torch_npu
import logging
import os

print(sys.argv)
cpu_x = torch.randn((1, 1280), device='npu', dtype=torch.float16)
cpu_weight1 = torch.randn(1280, 512, device='npu', dtype=torch.float16)
cpu_weight2 = torch.randn(512, 1280, device='npu', dtype=torch.float16)
activation = "fastgelu"
npu_out = torch_npu.npu_ffn(cpu_x.npu(), cpu_weight1.npu(), cpu_weight2.npu(), activation, inner_precise=1)
print(npu_out.shape, npu_out.dtype)
"""

DEVICES = """
import torch
import clformer.torch_npu
clformer.torch_npu.install()
clformer.torch_npu.install()
import torch_npu
assert torch_npu is clformer.torch_npu

torch.npu.set_device("npu:0")
assert torch.npu.is_available() and torch.npu.device_count() == 1 and torch.npu.current_device() == 0
assert torch.npu.get_device_name()
host = torch.arange(4.0)
there = host.npu()
there += 1
assert host.tolist() == [0, 1, 2, 3] and there.cpu().tolist() == [1, 2, 3, 4]
moved = host.to("npu:0", torch.float16)
moved += 1
assert moved.dtype == torch.float16 and host[0] == 0
leaf = host.clone().requires_grad_()
leaf.npu().square().sum().backward()
assert leaf.grad.tolist() == [0, 2, 4, 6]
for made in (torch.ones(2, device="npu"), torch.ones(2, device="npu:0"), host.new_zeros(2, device="npu")):
    assert made.device.type == "cpu"
if torch.__version__ >= "2.1":  # before, torch.device cannot be looked at
    assert torch.ones(2, device=torch.device("npu:0")).shape == (2,)
model = torch.nn.Linear(4, 2)
assert model.npu() is model and model.to("npu") is model
assert model(there).shape == (2,)
start, end = (torch.npu.Event(enable_timing=True) for _ in range(2))
start.record()
end.record()
torch.npu.synchronize()
assert start.elapsed_time(end) >= 0
torch.npu.manual_seed(3)
first = torch.rand(2)
torch.manual_seed(3)
assert torch.equal(first, torch.rand(2))
try:
    torch.npu.set_device(1)
    raise SystemExit("device 1 was accepted")
except RuntimeError as error:
    assert error.status == 161002

clformer.torch_npu.uninstall()
clformer.torch_npu.uninstall()
assert not hasattr(torch, "npu") and not hasattr(torch.Tensor, "npu")
try:
    torch.ones(1, device="npu")
    raise SystemExit("npu is still a device")
except (RuntimeError, NotImplementedError):
    pass
print("done")
"""


def python(*arguments, **options):
    return subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True,
                          env=os.environ, **options)


def test_script_of_the_document(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    result = python("-m", "clformer.torch_npu", script, "--steps", "3")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [str([str(script), "--steps", "3"]),
                                          "torch.Size([1, 1280]) torch.float16"]


def test_example_of_the_source_tree():
    example = pathlib.Path(__file__).resolve().parents[2] / "examples/torch_npu_style.py"
    if not example.is_file():
        pytest.skip(f"no {example}")
    result = python("-m", "clformer.torch_npu", example)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 8


def test_without_installing_nothing_changes():
    result = python("-c", "import torch, clformer.torch_npu; print(hasattr(torch.Tensor, 'npu'), flush=True)\n"
                    "import torch_npu")
    assert result.returncode == 1 and "No module named 'torch_npu'" in result.stderr
    assert result.stdout.strip() == "False"


def test_devices_of_an_installed_module():
    result = python("-c", DEVICES)
    assert result.returncode == 0 and result.stdout.strip() == "done", result.stderr


def test_the_real_torch_npu_is_not_replaced():
    result = python("-c", "import sys, types; sys.modules['torch_npu'] = types.ModuleType('torch_npu')\n"
                    "import clformer.torch_npu as t; t.install()")
    assert "UnsupportedError: torch_npu is loaded already" in result.stderr


def test_command_line_without_a_script(capsys, monkeypatch):
    from clformer.torch_npu.__main__ import main

    monkeypatch.setattr(sys, "argv", ["npu"])
    assert main() == 2 and "SCRIPT" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["npu", "--help"])
    assert main() == 0 and "SCRIPT" in capsys.readouterr().out


def test_package_works_without_pytorch():
    program = ("import sys; sys.modules['torch'] = None\n"
               "import numpy, clformer\n"
               "print(clformer.scaled_masked_softmax(numpy.zeros((1, 2), numpy.float32)))\n"
               "import clformer.torch_npu")
    result = python("-c", program)
    assert result.stdout.strip() == "[[0.5 0.5]]"
    assert "ImportError: clformer.torch_npu needs PyTorch" in result.stderr
