#!/usr/bin/env python3
"""Runs every test against one or more build folders and counts.

    test/run.py --build build-release [--build build-sanitize] [--filter REGEX] [--jobs N]

Four kinds of tests, all told apart by where they lie:

  unit    BUILD/test/unit_*             Criterion executables; each of their tests counts
  text    test/text/**                  files with `RUN:` lines; see below
  e2e     test/e2e/*.py                 scripts that print `ok NAME`, `not ok NAME` or
                                        `skip NAME: why` lines, one a test
  source  test/source/*.py              the same, but about the source tree: run once

A `RUN:` line is a bash command (pipefail; a backslash at its end continues it on the
next RUN line). All of a file's lines must succeed. In them stand

  %s  the file      %S  its folder      %t  a fresh path of its own     %shared  the golden data

and on PATH are tenon, FileCheck, and `exits N command…`, which succeeds when the
command ends with status N. `REQUIRES: shared` skips the test when there is no golden
data (and fails it when TENON_REQUIRE_SHARED=1); `REQUIRES: avx512` and the like need
that flag in /proc/cpuinfo.

The last line is `N passed, N failed`. Python's standard library only.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TIMEOUT = 600


class Result:
    """One counted test: state is 'ok', 'failed' or 'skipped'."""

    def __init__(self, name, state, detail=""):
        self.name, self.state, self.detail = name, state, detail


class Build:
    """A build folder and the environment its tests run in."""

    def __init__(self, folder, shared):
        self.folder = os.path.abspath(folder)
        self.label = os.path.basename(self.folder)
        with open(os.path.join(self.folder, "CMakeCache.txt")) as cache:
            self.sanitized = "TENON_SANITIZE:BOOL=ON" in cache.read()
        self.bin = os.path.join(self.folder, "test", "bin")
        self.make_tools()
        self.env = dict(
            os.environ,
            PATH=self.bin + os.pathsep + os.environ["PATH"],
            TENON=os.path.join(self.bin, "tenon"),
            TENON_BUILD=self.folder,
            TENON_SOURCE=ROOT,
            TENON_SANITIZED="1" if self.sanitized else "",
            # A status of their own: 1 is a comparison that does not hold.
            ASAN_OPTIONS="allocator_may_return_null=1:detect_stack_use_after_return=0:exitcode=99",
            UBSAN_OPTIONS="print_stacktrace=1:exitcode=99",
            PYTHONDONTWRITEBYTECODE="1",
        )
        if shared:
            self.env["TENON_SHARED"] = shared
        else:
            self.env.pop("TENON_SHARED", None)

    def make_tools(self):
        os.makedirs(self.bin, exist_ok=True)
        filecheck = shutil.which("FileCheck-19") or shutil.which("FileCheck")
        links = {"tenon": os.path.join(self.folder, "tenon"), "exits": os.path.join(ROOT, "test", "exits")}
        if filecheck:
            links["FileCheck"] = filecheck
        for name, target in links.items():
            link = os.path.join(self.bin, name)
            if os.path.lexists(link):
                os.remove(link)
            os.symlink(target, link)


def run(command, build, cwd=None):
    """Status (None: timed out) and combined output."""
    try:
        done = subprocess.run(command, env=build.env, cwd=cwd or build.folder, timeout=TIMEOUT,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode("utf-8", "replace") + f"\nno end after {TIMEOUT} s"


TAP = re.compile(r"^(ok|not ok|skip)\s*(?:-\s*)?(.*?)\s*$")


def parse_tap(prefix, status, output):
    """The lines of a TAP-like run as results; what belongs to a failure follows its line."""
    results = []
    for line in output.splitlines():
        match = TAP.match(line)
        if match:
            word, name = match.groups()
            name = re.sub(r"\s*\([\d.]+s\)$", "", name)
            state = {"ok": "ok", "not ok": "failed", "skip": "skipped"}[word]
            results.append(Result(f"{prefix}: {name}", "skipped" if "# SKIP" in name else state))
        elif results and results[-1].state == "failed":
            results[-1].detail += line + "\n"
    failures = any(r.state == "failed" for r in results)
    if (status != 0 and not failures) or not results:
        results.append(Result(f"{prefix}: ended with status {status}", "failed", output[-4000:]))
    return results


def unit_tests(build):
    for path in sorted(glob.glob(os.path.join(build.folder, "test", "unit_*"))):
        if os.access(path, os.X_OK) and os.path.isfile(path):
            name = os.path.basename(path)
            yield name, lambda path=path, name=name: parse_tap(
                f"{build.label} {name}", *run([path, "--tap", "-j1"], build))


def script_tests(build, folder, label):
    for path in sorted(glob.glob(os.path.join(ROOT, "test", folder, "*.py"))):
        with open(path) as text:
            if not re.search(r"^(if __name__|run_tests\(|if not SHARED)", text.read(), re.MULTILINE):
                continue  # a module that the others import
        name = f"{folder}/{os.path.basename(path)}"
        yield name, lambda path=path, name=name: parse_tap(
            f"{label} {name}", *run([sys.executable, path], build))


def requirement_missing(word):
    if word == "shared":
        return None  # decided by the caller
    with open("/proc/cpuinfo") as info:
        return None if re.search(rf"\b{word}", info.read()) else f"needs {word}"


def run_text_test(path, build, shared):
    name = f"{build.label} {os.path.relpath(path, os.path.join(ROOT, 'test'))}"
    with open(path, errors="replace") as file:
        text = file.read()
    for word in re.findall(r"REQUIRES:\s*(\S+)", text):
        if word == "shared" and not shared:
            required = os.environ.get("TENON_REQUIRE_SHARED") == "1"
            return [Result(name, "failed" if required else "skipped", "no golden data (TENON_SHARED)\n")]
        why = requirement_missing(word)
        if why:
            return [Result(name, "skipped", why)]
    lines = "\n".join(re.findall(r"RUN:\s*(.*)", text))
    lines = re.sub(r"\\\n", "", lines).splitlines()
    with tempfile.TemporaryDirectory(prefix="tenon-test-") as scratch:
        for line in lines:
            for key, value in (("%shared", shared or ""), ("%source", ROOT), ("%S", os.path.dirname(path)),
                               ("%s", path), ("%t", os.path.join(scratch, "t"))):
                line = line.replace(key, value)
            status, output = run(["bash", "-o", "pipefail", "-c", line], build, scratch)
            if status != 0:
                return [Result(name, "failed", f"status {status} of: {line}\n{output}")]
    return [Result(name, "ok")]


def text_tests(build, shared):
    if not os.path.exists(os.path.join(build.folder, "tenon")):
        return
    for folder, _, files in sorted(os.walk(os.path.join(ROOT, "test", "text"))):
        for file in sorted(files):
            path = os.path.join(folder, file)
            with open(path, "rb") as text:
                if b"RUN:" not in text.read(65536):
                    continue
            yield os.path.relpath(path, os.path.join(ROOT, "test")), \
                lambda path=path: run_text_test(path, build, shared)


def all_tests(builds, shared):
    """(name, function giving results), the longest kinds first."""
    for build in builds:
        yield from script_tests(build, "e2e", build.label)
    for build in builds:
        yield from unit_tests(build)
        yield from text_tests(build, shared)
    yield from script_tests(builds[0], "source", "source")


def find_shared():
    folder = os.environ.get("TENON_SHARED") or os.path.join(os.path.dirname(ROOT), "shared")
    return os.path.abspath(folder) if os.path.isdir(os.path.join(folder, "models")) else None


def parse_arguments():
    parser = argparse.ArgumentParser(description="runs Tenon's tests")
    parser.add_argument("--build", action="append", required=True, help="a build folder; may be repeated")
    parser.add_argument("--filter", default="", help="only tests whose name matches this regular expression")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--verbose", action="store_true", help="name the tests that pass, too")
    return parser.parse_args()


def report(results, options):
    for result in results:
        if result.state == "failed":
            print(f"FAILED {result.name}")
            print("".join(f"    {line}\n" for line in result.detail.splitlines()[:60]), end="")
        elif result.state == "skipped":
            print(f"skipped {result.name}" + (f" ({result.detail.strip()})" if result.detail else ""))
        elif options.verbose:
            print(f"ok {result.name}")
    sys.stdout.flush()


def main():
    options = parse_arguments()
    shared = find_shared()
    if not shared:
        print("no golden data: tests that need it are skipped (set TENON_SHARED)")
    builds = [Build(folder, shared) for folder in options.build]
    chosen = [test for test in all_tests(builds, shared) if re.search(options.filter, test[0])]
    counts = {"ok": 0, "failed": 0, "skipped": 0}
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, options.jobs)) as pool:
        for done in concurrent.futures.as_completed([pool.submit(test) for _, test in chosen]):
            results = done.result()
            report(results, options)
            for result in results:
                counts[result.state] += 1
    print(f"{counts['skipped']} skipped, {time.monotonic() - start:.0f} s")
    print(f"{counts['ok']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
