"""The files of the source tree, for the scripts beside this one.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import shutil
import subprocess

ROOT = os.environ.get("TENON_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def source_files(*suffixes):
    """Paths relative to ROOT: those git knows or would, else all outside build folders."""
    if shutil.which("git"):
        listing = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"], capture_output=True,
                                 text=True)
        found = [f for f in listing.stdout.splitlines() if os.path.exists(os.path.join(ROOT, f))]
        if listing.returncode == 0 and found:
            return [f for f in found if f.endswith(suffixes)]
    return [os.path.relpath(os.path.join(folder, f), ROOT) for folder, _, files in os.walk(ROOT) for f in files
            if f.endswith(suffixes) and not os.path.relpath(folder, ROOT).startswith(("build", "."))]
