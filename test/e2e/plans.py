#!/usr/bin/env python3
"""The plans of the golden programs: printed, read back, verified and run as read, for
several targets, levels and drawn schedules, compared with the evaluator (tool/plan_models.c).

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import BUILD, SANITIZED, SHARED, check, run, run_tests

LEAST = {True: 447, False: 400}  # with the passes, without


def run_models(*words):
    """All of the golden programs; those that have a plan are counted."""
    last = run(os.path.join(BUILD, "test", "plan_models"), *words).strip().splitlines()[-1]
    programs, refused = int(last.split()[0]), int(last.split()[2])
    least = LEAST["--passes" in words]
    check(programs - refused >= least, f"{last}: fewer than {least} ran")


def plans_of_every_target(folder):
    for target in ["x86-64-v2", "x86-64-v3", "x86-64-v4"]:
        run_models("--target", target)


def plans_without_optimisation(folder):
    run_models("--level", "0")


def plans_behind_the_passes(folder):
    run_models("--passes")


def drawn_schedules(folder):
    for seed in range(1, 3 if SANITIZED else 9):
        run_models("--passes", "--seed", str(seed))


def main():
    if not SHARED:
        required = os.environ.get("TENON_REQUIRE_SHARED") == "1"
        print(("not ok" if required else "skip") + " plans: no golden data (TENON_SHARED)")
        return int(required)
    run_tests([plans_of_every_target, plans_without_optimisation, plans_behind_the_passes, drawn_schedules])
    return 0


if __name__ == "__main__":
    sys.exit(main())
