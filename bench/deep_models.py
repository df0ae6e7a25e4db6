#!/usr/bin/env python3
"""Transformers of any depth as HLO text, and how the optimiser's time grows with it.

    bench/deep_models.py --layers 48 > deep.hlo             # one model
    bench/deep_models.py --measure --tenon build/tenon      # 12, 24, 48, 96 layers
    bench/deep_models.py --count --tenon build/tenon        # machine instructions instead of time

A layer is what JAX exports of BERT's: four projections, attention over heads, two layer
norms, a feed-forward part with gelu; a computation of its own for each reduction, numbers
and their broadcasts shared by all layers. Widths are small: what is measured is how many
instructions there are. `--weights=parameters` (the default) leaves weights to the caller,
so that nothing is folded; `--weights=constants` has them as `{...}`, for
`tenon … --fill-elided=random:1`.

`--measure` runs `tenon opt` at each depth, takes the least of `--runs`, and fits the
exponent of the growth. `passes` and `checking` are what `--time-passes` tells, on the clock;
`processor` is the processor's time for both together, which other work does not change much;
`text` is that of reading and writing. `--count` has valgrind count the machine instructions of the
passes and their checks together: the same in every run, whatever else the machine does. Python's
standard library only.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile


class Module:
    """Text of one module while it grows."""

    def __init__(self, args):
        self.args = args
        self.lines, self.regions, self.parameters = [], [], []
        self.count = 0
        self.shared = {}

    @staticmethod
    def shape(dims, kind="f32"):
        layout = ",".join(str(d) for d in reversed(range(len(dims))))
        return f"{kind}[{','.join(map(str, dims))}]" + (f"{{{layout}}}" if dims else "")

    def put(self, dims, text, kind="f32", note=""):
        self.count += 1
        name = f"{text.split('(')[0].replace('-', '_')}.{self.count}"
        self.lines.append(f"  {name} = {self.shape(dims, kind)} {text}{note}")
        return name, list(dims)

    def op(self, opcode, *operands):
        return self.put(operands[0][1], f"{opcode}({', '.join(name for name, _ in operands)})", note=self.note())

    def note(self):
        return f', metadata={{op_name="jit(f)/layer_{self.layer}"}}'

    layer = 0

    def weight(self, *dims):
        if self.args.weights == "constants":
            return self.put(dims, "constant({...})")
        weight = self.put(dims, f"parameter({len(self.parameters)})")
        self.parameters.append(weight)
        return weight

    def number(self, value, dims):
        """A number, and its broadcast: each is made once."""
        if (value, ()) not in self.shared:
            self.shared[value, ()] = self.put((), f"constant({value})")
        if (value, tuple(dims)) not in self.shared:
            scalar = self.shared[value, ()][0]
            self.shared[value, tuple(dims)] = self.put(dims, f"broadcast({scalar}), dimensions={{}}")
        return self.shared[value, tuple(dims)]

    def reduce(self, x, opcode, start):
        self.number(start, ())
        name = f"region_{len(self.regions)}"
        self.regions.append(f"{name} {{\n  {name}_a = f32[] parameter(0)\n  {name}_b = f32[] parameter(1)\n"
                            f"  ROOT {name}_r = f32[] {opcode}({name}_a, {name}_b)\n}}\n")
        dims = x[1][:-1]
        return self.put(dims, f"reduce({x[0]}, {self.shared[start, ()][0]}), dimensions={{{len(dims)}}}, "
                              f"to_apply={name}", note=self.note())

    def reshape(self, x, *dims):
        return self.put(dims, f"reshape({x[0]})")

    def transpose(self, x, *order):
        return self.put([x[1][d] for d in order], f"transpose({x[0]}), dimensions={{{','.join(map(str, order))}}}")

    def broadcast(self, x, dims, along):
        return self.put(dims, f"broadcast({x[0]}), dimensions={{{','.join(map(str, along))}}}")

    def along_rows(self, x, dims):
        """A value a row, as JAX spreads it: through a dim of 1."""
        kept = len(dims) - 1
        one = self.reshape(x, *dims[:-1], 1)
        same = self.broadcast(one, dims[:-1] + [1], range(len(dims)))
        return self.broadcast(self.reshape(same, *dims[:-1]), dims, range(kept))

    def along_columns(self, x, dims):
        """A vector for each row."""
        one = self.reshape(x, 1, 1, dims[-1])
        same = self.broadcast(one, [1, 1, dims[-1]], range(3))
        return self.broadcast(self.reshape(same, 1, dims[-1]), dims, (0, 2))

    def dense(self, x, width):
        dims = x[1][:-1] + [width]
        product = self.put(dims, f"dot({x[0]}, {self.weight(x[1][-1], width)[0]}), lhs_contracting_dims={{2}}, "
                                 "rhs_contracting_dims={0}", note=self.note())
        return self.op("add", product, self.along_columns(self.weight(width), dims))

    def layer_norm(self, x):
        dims, one = x[1], x[1][:-1] + [1]
        width = self.number(dims[-1], one)

        def mean(value):
            return self.op("divide", self.reshape(self.reduce(value, "add", 0), *one), width)

        centred = self.op("subtract", x, self.along_rows(mean(x), dims))
        variance = mean(self.op("multiply", centred, centred))
        scale = self.op("rsqrt", self.op("add", variance, self.number("1e-12", one)))
        normal = self.op("multiply", centred, self.along_rows(scale, dims))
        scaled = self.op("multiply", normal, self.along_columns(self.weight(dims[-1]), dims))
        return self.op("add", scaled, self.along_columns(self.weight(dims[-1]), dims))

    def heads(self, x, order):
        _, rows, width = x[1]
        heads = self.args.heads
        split = self.transpose(self.reshape(x, 1, rows, heads, width // heads), *order)
        return self.reshape(split, *split[1][1:])

    def softmax(self, x):
        most = self.op("maximum", self.reduce(x, "maximum", "-inf"), self.number("-inf", x[1][:-1]))
        powers = self.op("exponential", self.op("subtract", x, self.along_rows(most, x[1])))
        return self.op("divide", powers, self.along_rows(self.reduce(powers, "add", 0), x[1]))

    def attention(self, x):
        _, rows, width = x[1]
        heads = self.args.heads
        q = self.heads(self.dense(x, width), (0, 2, 1, 3))
        k = self.heads(self.dense(x, width), (0, 2, 3, 1))
        scores = self.put([heads, rows, rows], f"dot({q[0]}, {k[0]}), lhs_batch_dims={{0}}, "
                          "lhs_contracting_dims={2}, rhs_batch_dims={0}, rhs_contracting_dims={1}")
        scores = self.reshape(scores, 1, heads, rows, rows)
        scores = self.op("divide", scores, self.number(math.sqrt(width / heads), scores[1]))
        weights = self.reshape(self.softmax(scores), heads, rows, rows)
        v = self.heads(self.dense(x, width), (0, 2, 1, 3))
        mixed = self.put([heads, rows, width // heads], f"dot({weights[0]}, {v[0]}), lhs_batch_dims={{0}}, "
                         "lhs_contracting_dims={2}, rhs_batch_dims={0}, rhs_contracting_dims={1}")
        mixed = self.transpose(self.reshape(mixed, 1, heads, rows, width // heads), 0, 2, 1, 3)
        return self.dense(self.reshape(mixed, 1, rows, width), width)

    def gelu(self, x):
        inner = self.op("erf", self.op("divide", x, self.number("1.41421354", x[1])))
        return self.op("multiply", self.op("multiply", x, self.op("add", inner, self.number(1, x[1]))),
                       self.number("0.5", x[1]))

    def text(self):
        args = self.args
        x = self.put((1, args.rows, args.width), "parameter(0)")
        self.parameters.append(x)
        for self.layer in range(args.layers):
            x = self.layer_norm(self.op("add", x, self.attention(x)))
            x = self.layer_norm(self.op("add", x, self.dense(self.gelu(self.dense(x, 4 * args.width)), args.width)))
        self.lines[-1] = "  ROOT" + self.lines[-1][1:]
        return (f"HloModule deep_{args.layers}\n\n" + "\n".join(self.regions) + "\nENTRY main {\n"
                + "\n".join(self.lines) + "\n}\n")


def run_tenon(args, path, *options):
    """What `tenon opt` prints, and the processor seconds that it took: others' work does not count."""
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen([args.tenon, "opt", path, "--json", *args.option, *options], stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"tenon ended with status {child.returncode}")
        out.seek(0)
        return json.loads(out.read()), usage.ru_utime + usage.ru_stime


def measure_one(args, path):
    """Seconds of the passes without what moves constants, of checking them, of moving constants, and processor
    seconds of all that and of reading and writing the text; the least of each."""
    least = [math.inf] * 5
    for _ in range(args.runs):
        report, processor = run_tenon(args, path)
        _, without = run_tenon(args, path, "--passes=")
        passes = report["passes"]
        moving = sum(p["seconds"] for p in passes if p.get("bytes"))
        times = [sum(p["seconds"] for p in passes) - moving, sum(p["policing_seconds"] for p in passes), moving,
                 processor, without]
        least = [min(pair) for pair in zip(least, times)]
    least[3] -= least[4]
    return least


def count_one(args, path):
    """Machine instructions of `tenon opt`, without those of reading and writing."""
    counts = []
    for options in [], ["--passes="]:
        child = subprocess.run(["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
                                args.tenon, "opt", path, *args.option, *options], capture_output=True, text=True)
        found = re.search(r"I +refs: +([\d,]+)", child.stderr)
        if child.returncode or not found:
            sys.exit(f"valgrind ended with status {child.returncode}: {child.stderr[-300:]}")
        counts.append(int(found.group(1).replace(",", "")))
    return [counts[0] - counts[1]]


def slope(xs, ys):
    """Of the line through the logarithms."""
    xs, ys = [math.log(x) for x in xs], [math.log(y) for y in ys]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    return (sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys)) / sum((x - mean_x) ** 2 for x in xs))


def measure(args):
    depths = [int(depth) for depth in args.depths.split(",")]
    names = ["executed"] if args.count else ["passes", "checking", "constants", "processor", "text"]
    scale, unit = (1e-6, "million") if args.count else (1e3, "ms")
    rows = []
    print(f"{'layers':>7} {'instr.':>8}" + "".join(f"{name:>11}" for name in names) + f"  {unit}")
    with tempfile.TemporaryDirectory() as folder:
        for args.layers in depths:
            path = os.path.join(folder, f"deep_{args.layers}.hlo")
            module = Module(args)
            with open(path, "w") as file:
                file.write(module.text())
            rows.append(count_one(args, path) if args.count else measure_one(args, path))
            print(f"{args.layers:7} {module.count:8}" + "".join(f"{scale * t:11.2f}" for t in rows[-1]), flush=True)
    slopes = [f"{name} {slope(depths, [row[i] for row in rows]):.3f}" for i, name in enumerate(names)
              if name != "constants"]
    print("exponent " + " ".join(slopes))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--weights", choices=["parameters", "constants"], default="parameters")
    parser.add_argument("--measure", action="store_true", help="time `tenon opt` at several depths")
    parser.add_argument("--count", action="store_true", help="count its machine instructions (valgrind)")
    parser.add_argument("--depths", default="12,24,48,96")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tenon", default="build/tenon")
    parser.add_argument("--option", action="append", default=[], help="another option of tenon opt")
    args = parser.parse_args()
    if args.measure or args.count:
        measure(args)
    else:
        print(Module(args).text(), end="")


if __name__ == "__main__":
    main()
