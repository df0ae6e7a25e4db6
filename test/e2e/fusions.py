#!/usr/bin/env python3
"""How many steps what JAX exports takes, and what its kernels are called; that the steps of several results agree with
the evaluator.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import SHARED, check, run_tests, tenon

JAX = os.path.join(os.path.dirname(os.path.abspath(__file__)), "jax")
MINILM = os.path.join(SHARED or "", "models", "minilm")

# Most steps of each: one where all of it fits one tree of loops.
STEPS = {"adam": 6, "attention": 1, "attention_causal": 1, "batch_norm": 2, "batch_norm_training": 1, "conv_bn_relu": 2,
         "dense_gelu": 1, "dense_relu": 1, "dense_silu": 1, "dense_tanh": 1, "elu": 1, "gelu_erf": 1, "gelu_tanh": 1,
         "gru_cell": 3, "hard_swish": 1, "l2_norm": 1, "layer_norm": 1, "layer_norm_flax": 1, "log_softmax": 1,
         "lstm_cell": 3, "max_argmax": 1, "mish": 1, "relu": 1, "rms_norm": 1, "sigmoid": 1, "silu": 1, "softmax": 1,
         "softmax_axis0": 1, "softmax_lse": 1, "softplus": 1, "swiglu": 3, "train_step": 15}


def compiled(folder, *words):
    plan = os.path.join(folder, "m.plan")
    steps = json.loads(tenon("compile", *words, "--constants=elide", "--emit=plan", "-o", plan, "--json"))["steps"]
    with open(plan, encoding="utf-8") as file:
        return steps, re.findall(r"^ *run ([a-z_0-9]+)_\d+\(", file.read(), re.M)


def steps_of_functions_that_jax_exports(folder):
    for name, most in STEPS.items():
        steps, _ = compiled(folder, os.path.join(JAX, f"nn_{name}.hlo"))
        check(steps <= most, f"{name}: {steps} steps, not {most}")


def several_results_at_every_schedule(folder):
    del folder
    for name in ("adam", "batch_norm_training", "max_argmax", "softmax_lse", "lstm_cell", "train_step"):
        path = os.path.join(JAX, f"nn_{name}.hlo")
        tenon("run", path, "--in", "random:3", "--backend=eval,plan,cpu")
        for variant in (["--schedule-seed=1", "--threads=2"], ["--schedule-seed=2", "--threads=8"], ["-O3"],
                        ["--target=x86-64-v3"], ["--target=x86-64-v2", "--threads=3"]):
            tenon("run", path, "--in", "random:3", "--backend=plan,cpu", "--rtol=0", "--atol=0", *variant)


def seven_steps_a_layer_of_a_transformer(folder):
    steps, names = compiled(folder, f"{MINILM}/minilm.hlo", "--weights", f"{MINILM}/minilm.weights.npz")
    check(steps <= 8 * 6, f"{steps} steps")
    for name, count in {"attention": 6, "dot_gelu": 6, "layer_norm": 13, "l2_norm": 1}.items():
        check(names.count(name) == count, f"{names.count(name)} times {name}, not {count}: {names}")


if __name__ == "__main__":
    run_tests([steps_of_functions_that_jax_exports, several_results_at_every_schedule]
              + ([seven_steps_a_layer_of_a_transformer] if SHARED else []))
