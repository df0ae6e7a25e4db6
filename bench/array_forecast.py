#!/usr/bin/env python3
"""The cost model of systolic arrays against the simulator: errors and speed, over networks and random modules.

    bench/array_forecast.py --build build --networks FOLDER [--targets tpu-v1,gemmini,edge] [--modules 3000] [--values]

FOLDER has NAME.hlo, NAME.weights.npz and NAME.inputs.npz for each network, which is quantised with its inputs. Prints Markdown:
cycles of the array and of all as simulated, the forecasts' errors; what walking the forecast alone takes, what simulated time
alone takes, and with reading and verifying the stream; with --values computing, too. Ratios are to the forecast. Then the
errors on random modules x random small arrays, of two seeds. Python's standard library only.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import glob
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEAD = ["network", "target", "layers", "array's cycles", "error", "all cycles", "error", "forecast, us", "time alone, ms", "x",
        "with reading, ms", "x"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--networks", help="a folder")
    parser.add_argument("--targets", default="tpu-v1,gemmini,edge")
    parser.add_argument("--modules", type=int, default=3000)
    parser.add_argument("--values", action="store_true")
    options = parser.parse_args()
    targets = [os.path.join(ROOT, "examples", "targets", name + ".target") for name in options.targets.split(",")]
    head = HEAD + (["with values, s", "x"] if options.values else []) + ["compiling, s"]
    if options.networks:
        print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for weights in sorted(glob.glob(os.path.join(options.networks, "*.weights.npz"))) if options.networks else []:
        stem = weights[: -len(".weights.npz")]
        command = [os.path.join(options.build, "bench", "bench_forecast"), "--weights", weights, "--calibrate", stem + ".inputs.npz",
                   stem + ".hlo"] + (["--values"] if options.values else []) + targets
        for line in subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.splitlines():
            print(f"| {os.path.basename(stem)} {line}", flush=True)
    for seed in (1, 2):
        program = os.path.join(options.build, "test", "streams", "random_arrays")
        print(f"\nseed {seed}:", flush=True)
        subprocess.run([program, "--seed", str(seed), "--count", str((options.modules + 1) // 2), "--forecast"])


if __name__ == "__main__":
    main()
