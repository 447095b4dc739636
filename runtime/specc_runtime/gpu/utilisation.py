"""Which part of a device's peak a training reached: model FLOPs utilisation.

Model FLOPs are those of `specc.flops` (Chowdhery et al. 2022, arXiv 2204.02311, appendix B): attention
in full, nothing for what is computed again. One speed reads as 26% or 40% by the formula, so the
formula's name goes with the number.
"""

from __future__ import annotations

from typing import Any

FORMULA = "PaLM"

PEAKS = (
    ("B200", 2250e12),
    ("H200", 989.4e12),
    ("GH200", 989.4e12),
    ("H100 PCIe", 756e12),
    ("H100 NVL", 835e12),
    ("H100", 989.4e12),
    ("H800", 989.4e12),
    ("A100", 311.8e12),
    ("A800", 311.8e12),
    ("L40S", 362.1e12),
    ("L4", 121e12),
    ("A10G", 70e12),
    ("A10", 125e12),
)
"""Part of a device's name -> dense bfloat16 products a second, from NVIDIA's data sheets, without
sparsity. The first that fits counts; what is not here has no utilisation rather than a wrong one."""


def peak(device: str) -> float | None:
    """Floating-point operations a second in bfloat16; None for an unknown device."""
    words = device.replace("-", " ").split()
    for name, operations in PEAKS:
        wanted = name.split()
        if all(any(word == part or word.startswith(part + "_") for word in words) for part in wanted):
            return operations
    return None


def utilisation(device: str, dtype: str, flops_per_token: int, tokens_per_second: float) -> dict[str, Any]:
    """What goes into the record: `mfu` and `mfu_formula`; nothing where the peak is not known."""
    operations = peak(device) if dtype == "bfloat16" else None
    if operations is None:
        return {}
    return {
        "mfu": round(flops_per_token * tokens_per_second / operations, 4),
        "mfu_formula": FORMULA,
    }
