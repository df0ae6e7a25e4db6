#!/usr/bin/env python3
"""Temporary memory: Tenon's arena beside that of XLA's CPU compiler for the same module.

    bench/memory.py --tenon build/tenon MODELS... [--markdown]

A model is a path without suffix: X.hlo is read, and X.weights.npz if it is there (its arrays are constants to
Tenon and arguments to XLA, temporary to neither). Tenon's bytes are the arena, scratch included, and the most
that is alive at once; XLA's are temp_size_in_bytes of its memory statistics. Needs jax in the Python that runs it.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile


def tenon_bytes(tenon, model):
    with tempfile.TemporaryDirectory() as folder:
        words = [tenon, "compile", model + ".hlo", "-o", os.path.join(folder, "m.o"), "--json"]
        if os.path.exists(model + ".weights.npz"):
            words += ["--weights", model + ".weights.npz"]
        done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{model}: {done.stderr.strip()}")
    report = json.loads(done.stdout)
    return report["arena_bytes"], report["arena_lower_bound_bytes"], report["arena_proven"]


def xla_bytes(model):
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax._src.xla_bridge as bridge
    from jax._src.lib import xla_client
    from jaxlib import _jax

    with open(model + ".hlo") as text:
        module = xla_client.hlo.hlo_module_from_text(text.read())
    computation = xla_client.XlaComputation(module.as_serialized_hlo_module_proto())
    backend = bridge.get_backend("cpu")
    program = backend.compile_and_load(
        _jax.mlir.xla_computation_to_mlir_module(computation), backend.local_devices()[:1], xla_client.CompileOptions()
    )
    return program.get_compiled_memory_stats().temp_size_in_bytes


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--tenon", required=True)
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    row = "| {} | {} | {} | {} | {} | {} |" if arguments.markdown else "{:20} {:>12} {:>12} {:>7} {:>12} {:>6}"
    print(row.format("", "Tenon bytes", "alive", "least", "XLA bytes", "ratio"))
    if arguments.markdown:
        print("|---|--:|--:|---|--:|--:|")
    worse = False
    for model in arguments.models:
        arena, alive, proven = tenon_bytes(arguments.tenon, model)
        xla = xla_bytes(model)
        worse = worse or arena > xla
        ratio = f"{arena / xla:.2f}" if xla else "-"
        print(row.format(os.path.basename(model), arena, alive, "proven" if proven else "bound", xla, ratio), flush=True)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
