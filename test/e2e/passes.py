#!/usr/bin/env python3
"""Passes seen through the command: a run that starts behind any pass ends in the same bytes
as the one that was not interrupted, and every verb shows the same.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import ROOT, SANITIZED, SHARED, check, run, run_tests, tenon

# JAX's form of a recurrent layer: a loop over the sequence whose state is a tuple.
LSTM = """HloModule lstm

none_gate {
  v = f32[1,8] parameter(0)
  ROOT r = f32[1,8] logistic(v)
}

body {
  state = (s32[], f32[1,8], f32[1,8], f32[5,8], f32[5,6]) parameter(0)
  i = s32[] get-tuple-element(state), index=0
  h = f32[1,8] get-tuple-element(state), index=1
  c = f32[1,8] get-tuple-element(state), index=2
  out = f32[5,8] get-tuple-element(state), index=3
  xs = f32[5,6] get-tuple-element(state), index=4
  zero = s32[] constant(0)
  x = f32[1,6] dynamic-slice(xs, i, zero), dynamic_slice_sizes={1,6}
  w = f32[6,32] iota(), iota_dimension=1
  u = f32[8,32] iota(), iota_dimension=0
  small = f32[] constant(0.015625)
  ws = f32[6,32] broadcast(small), dimensions={}
  us = f32[8,32] broadcast(small), dimensions={}
  w1 = f32[6,32] multiply(w, ws)
  u1 = f32[8,32] multiply(u, us)
  a = f32[1,32] dot(x, w1), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  b = f32[1,32] dot(h, u1), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  gates = f32[1,32] add(a, b)
  gi = f32[1,8] slice(gates), slice={[0:1], [0:8]}
  gf = f32[1,8] slice(gates), slice={[0:1], [8:16]}
  gg = f32[1,8] slice(gates), slice={[0:1], [16:24]}
  go = f32[1,8] slice(gates), slice={[0:1], [24:32]}
  si = f32[1,8] call(gi), to_apply=none_gate
  sf = f32[1,8] call(gf), to_apply=none_gate
  tg = f32[1,8] tanh(gg)
  so = f32[1,8] call(go), to_apply=none_gate
  kept = f32[1,8] multiply(sf, c)
  fresh = f32[1,8] multiply(si, tg)
  c1 = f32[1,8] add(kept, fresh)
  tc = f32[1,8] tanh(c1)
  h1 = f32[1,8] multiply(so, tc)
  out1 = f32[5,8] dynamic-update-slice(out, h1, i, zero)
  one = s32[] constant(1)
  i1 = s32[] add(i, one)
  ROOT r = (s32[], f32[1,8], f32[1,8], f32[5,8], f32[5,6]) tuple(i1, h1, c1, out1, xs)
}

condition {
  state = (s32[], f32[1,8], f32[1,8], f32[5,8], f32[5,6]) parameter(0)
  i = s32[] get-tuple-element(state), index=0
  limit = s32[] constant(5)
  ROOT r = pred[] compare(i, limit), direction=LT
}

ENTRY main {
  xs = f32[5,6] parameter(0)
  zero = s32[] constant(0)
  nought = f32[] constant(0)
  h = f32[1,8] broadcast(nought), dimensions={}
  out = f32[5,8] broadcast(nought), dimensions={}
  init = (s32[], f32[1,8], f32[1,8], f32[5,8], f32[5,6]) tuple(zero, h, h, out, xs)
  loop = (s32[], f32[1,8], f32[1,8], f32[5,8], f32[5,6]) while(init), condition=condition, body=body
  ROOT y = f32[5,8] get-tuple-element(loop), index=3
}
"""


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def check_every_start(folder, model, *options, objects=True):
    """Stops after each run of each pass, goes on with opt and with compile, compares bytes. Where
    the dump is the one before but for its head, only the text is compared."""
    whole, part, dump = (os.path.join(folder, name) for name in ("whole", "part", "dump.hlo"))
    report = json.loads(tenon("compile", model, *options, "-o", whole + ".o", "--name=m", "--json"))
    tenon("opt", model, *options, "--constants=file", "-o", whole + ".hlo")
    levels = [word for word in options if word.startswith(("-O", "--fuel"))]
    runs = [(each["name"], each["occurrence"]) for each in report["passes"] if "unmet" not in each]
    last = None
    for name, occurrence in runs:
        tenon("opt", model, *options, f"--stop-after={name}:{occurrence}", "--constants=file", "-o", dump)
        tenon("opt", dump, *levels, f"--start-after={name}", "--constants=file", "-o", part + ".hlo")
        check(read(part + ".hlo") == read(whole + ".hlo"), f"{model}: opt after {name}:{occurrence} ends elsewhere")
        body = read(dump).split(b"\n", 1)[1]
        if objects and body != last:
            tenon("compile", dump, *levels, f"--start-after={name}", "-o", part + ".o", "--name=m")
            check(read(part + ".o") == read(whole + ".o"), f"{model}: compile after {name}:{occurrence} ends elsewhere")
        last = body
    return runs


def starts_behind_every_pass_of_a_transformer(folder):
    for weights in ["constants"] if SANITIZED else ["constants", "parameters"]:
        text = run(sys.executable, os.path.join(ROOT, "bench", "deep_models.py"), "--layers=1", f"--weights={weights}")
        model = write(folder, "transformer.hlo", text)
        filled = ["--fill-elided=random:1"] if weights == "constants" else []
        runs = check_every_start(folder, model, *filled)
        check(len({name for name, _ in runs}) >= 20, f"only {runs}")


def starts_behind_every_pass_of_an_lstm(folder):
    model = write(folder, "lstm.hlo", LSTM)
    for level in ["-O0", "-O2"] if SANITIZED else ["-O0", "-O1", "-O2", "-O3"]:
        check_every_start(folder, model, level)
    tenon("run", model, "--in", "random:1", "--backend=eval,plan,cpu")


def starts_with_what_is_left_of_the_fuel(folder):
    model = write(folder, "lstm.hlo", LSTM)
    report = json.loads(tenon("compile", model, "-o", os.path.join(folder, "lstm.o"), "--json"))
    made = {}
    for each in report["passes"]:
        made[each["name"]] = made.get(each["name"], 0) + each["changes"]
    fuel = [f"--fuel={name}={count // 2}" for name, count in made.items() if count > 1]
    check(len(fuel) >= 2, str(made))
    check_every_start(folder, model, *fuel)
    check_every_start(folder, model, *fuel[:1], objects=False)


def starts_behind_every_pass_of_the_digits(folder):
    for net in ["cnn"] if SANITIZED else ["cnn", "mlp"]:
        check_every_start(folder, os.path.join(SHARED, "models", "digits", f"{net}.hlo"))


def starts_behind_every_expansion(folder):
    names = ["rng", "fft_2d", "scan", "select_and_scatter_overlapping", "batch_norm_inference", "ragged_dot",
             "cholesky", "sort", "while_fori", "dynamic_concatenate"]
    found = 0
    for name in names:
        model = os.path.join(SHARED, "models", "hlo", f"{name}.hlo")
        if os.path.exists(model):
            found += 1
            check_every_start(folder, model, objects=False)
    check(found >= 6, f"only {found} of the programs are there")


def dumps_of_every_verb_are_the_same(folder):
    model = write(folder, "lstm.hlo", LSTM)
    folders = []
    for verb in [["opt"], ["compile", "-o", os.path.join(folder, "a.o")], ["run", "--in", "random:1"],
                 ["bench", "--runs=1"]]:
        folders.append(os.path.join(folder, verb[0]))
        tenon(verb[0], model, *verb[1:], "--dump-dir", folders[-1])
    names = sorted(os.listdir(folders[0]))
    check(len(names) > 3 and names[0] == "00.input.hlo", str(names))
    for other in folders[1:]:
        check(sorted(os.listdir(other)) == names, f"{other}: {sorted(os.listdir(other))}, not {names}")
        for name in names:
            check(read(os.path.join(other, name)) == read(os.path.join(folders[0], name)), f"{name} differs")


def dumps_go_on(folder):
    """As they lie in the folder, with constants beside them."""
    text = run(sys.executable, os.path.join(ROOT, "bench", "deep_models.py"), "--layers=1", "--weights=constants")
    model, dumps = write(folder, "transformer.hlo", text), os.path.join(folder, "dumps")
    out, again = os.path.join(folder, "m.o"), os.path.join(folder, "again.o")
    tenon("compile", model, "--fill-elided=random:1", "-o", out, "--dump-dir", dumps, "--name=m")
    names = sorted(name for name in os.listdir(dumps) if name.endswith(".hlo"))
    check(len(names) > 5, str(names))
    for name in names[1:]:
        tenon("compile", os.path.join(dumps, name), f"--start-after={name.split('.')[1]}", "-o", again, "--name=m")
        check(read(again) == read(out), f"{name} goes elsewhere")


tests = [starts_behind_every_pass_of_a_transformer, starts_behind_every_pass_of_an_lstm,
         starts_with_what_is_left_of_the_fuel,
         dumps_of_every_verb_are_the_same, dumps_go_on]
with_data = [starts_behind_every_pass_of_the_digits, starts_behind_every_expansion]
if SHARED:
    tests += with_data
else:
    for test in with_data:
        print(f"skip {test.__name__.replace('_', ' ')}: no golden data")
run_tests(tests)
