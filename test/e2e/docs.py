#!/usr/bin/env python3
"""What the build says about itself stands in docs/ as it is now, and links lead somewhere.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import glob
import os
import re
import subprocess
import sys

ROOT = os.environ.get("TENON_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ["TENON_BUILD"]


def tables():
    done = subprocess.run([sys.executable, os.path.join(ROOT, "scripts", "update-docs"), BUILD, "--check"],
                          capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def links():
    """Relative links, and the paths that stand in backticks."""
    missing = []
    for page in glob.glob(os.path.join(ROOT, "*.md")) + glob.glob(os.path.join(ROOT, "docs", "*.md")):
        with open(page, encoding="utf-8") as file:
            text = file.read()
        name, folder = os.path.relpath(page, ROOT), os.path.dirname(page)
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            if "://" not in target and not os.path.exists(os.path.join(folder, target)):
                missing.append(f"{name}: {target}")
        for path in re.findall(r"`([a-z_]+/[\w/.-]+\.(?:[chs]|def|py|md))`", text):
            if "my_" not in path and not any(os.path.exists(os.path.join(ROOT, base, path)) for base in ("", "include")):
                missing.append(f"{name}: {path}")
    return "\n".join(missing)


def main():
    failed = False
    for name, test in (("the tables are up to date", tables), ("links and paths exist", links)):
        problem = test()
        print(("not ok " if problem else "ok ") + name)
        if problem:
            print(problem)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
