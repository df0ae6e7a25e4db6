"""The tracks of a Chrome trace, each with how many things it shows; an error where two of one track overlap.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import json
import sys

with open(sys.argv[1]) as file:
    events = json.load(file)["traceEvents"]
names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
tracks = {}
for event in events:
    if event["ph"] == "X":
        tracks.setdefault((event["pid"], event["tid"]), []).append((event["ts"], event["ts"] + event["dur"], event["name"]))
for track, shown in sorted(tracks.items()):
    shown.sort()
    for (_, end, one), (start, _, other) in zip(shown, shown[1:]):
        if start < end - 1e-9:
            sys.exit(f"{names.get(track, track)}: {other} begins at {start}, {one} ends at {end}")
    print(f"{names.get(track, 'layers')}: {len(shown)}")
