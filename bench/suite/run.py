#!/usr/bin/env python3
"""The fork-join suite: Trine beside oneTBB, OpenMP tasks, Boost.Fiber, Go and plain calls.

Each program runs as a process of its own, the libraries in turns, so that whatever disturbs the
machine disturbs them alike; times are medians, and a ratio compares runs of one turn. Every result
is checked. Called by `./dev bench suite`.

Exit code: 0 all marks that could be measured are met, 1 a run failed or gave a wrong result,
2 bad usage, 3 a mark is missed.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

# Size, and what it must give. The first size is the public suite's; a library that could not end it
# in a minute runs a smaller one, and its ratio compares the time for each task.
PROGRAMS = {
    "fib": {39: 63245986, 27: 196418, 24: 46368, 22: 17711},
    "skynet": {8: 4999999950000000, 6: 499999500000, 5: 4999950000, 4: 49995000},
    "nqueens": {14: 365596, 11: 2680, 10: 724, 9: 352, 8: 92},
    "matmul": {2048: 2048**3, 1024: 1024**3},
    "uts": {11: 16526523, 9: 1031269, 8: 257042, 7: 63914},
}
FULL = {name: max(sizes) for name, sizes in PROGRAMS.items()}
# Tasks of a size, for ratios between sizes.
TASKS = {
    "fib": lambda n: fib_calls(n),
    "skynet": lambda n: (10 ** (n + 1) - 1) // 9,
    "nqueens": lambda n: {14: 27358553, 11: 166926, 10: 35539, 9: 8394, 8: 2057}[n],
    "matmul": lambda n: n**3,
    "uts": lambda n: PROGRAMS["uts"][n],
}
LIBRARIES = ["trine", "sequential", "onetbb", "openmp", "fiber", "go"]
TITLES = {
    "trine": "Trine",
    "sequential": "plain calls",
    "onetbb": "oneTBB",
    "openmp": "OpenMP tasks",
    "fiber": "Boost.Fiber",
    "go": "Go",
}
PACKAGES = {"onetbb": "libtbb-dev", "openmp": "libgomp1", "fiber": "libboost-fiber-dev",
            "go": "golang-go"}
SMALLER = {
    ("openmp", "fib"): 27, ("openmp", "skynet"): 6, ("openmp", "nqueens"): 11,
    ("openmp", "uts"): 9,
    ("fiber", "fib"): 22, ("fiber", "skynet"): 4, ("fiber", "nqueens"): 8, ("fiber", "uts"): 7,
    ("fiber", "matmul"): 1024,
    ("go", "fib"): 27, ("go", "skynet"): 6, ("go", "nqueens"): 11, ("go", "uts"): 9,
}
# (program, workers, other library or None for MiB, limit): Trine's time ≤ limit × the other's.
MARKS = [
    ("fib", 1, "onetbb", 0.15), ("fib", 1, "sequential", 3.0), ("skynet", 1, "onetbb", 0.2),
    ("nqueens", 1, "onetbb", 0.66), ("matmul", 1, "onetbb", 1.0),
    ("fib", 2, "onetbb", 0.15), ("skynet", 2, "onetbb", 0.2), ("nqueens", 2, "onetbb", 0.66),
    ("matmul", 2, "onetbb", 1.0),
]
SPEED_UP = 1.7
PEAK_MIB = 20
PEAK_PROGRAMS = ["fib", "skynet", "nqueens"]


def fib_calls(n):
    calls = [1, 1]
    while len(calls) <= n:
        calls.append(1 + calls[-1] + calls[-2])
    return calls[n]


def show(text):
    if sys.stderr.isatty():
        print("\r\033[K" + text, end="", file=sys.stderr, flush=True)


class Failed(Exception):
    pass


class Slow(Exception):
    pass


def run_once(folder, library, program, size, workers, seconds):
    command = [os.path.join(folder, "suite_" + library), program, str(size), str(workers)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Slow(f"not ended after {seconds} s")
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise Failed(f"{' '.join(command)} printed {done.stdout!r}")
    expected = PROGRAMS[program][size]
    if answer["result"] != expected:
        raise Failed(f"{' '.join(command)} gave {answer['result']} instead of {expected}")
    return answer


def measure(args, program, workers):
    """The rows of one program on so many workers."""
    rows = []
    for library in LIBRARIES:
        if args.only and library not in args.only and library != "trine":
            continue
        size = SMALLER.get((library, program), FULL[program])
        row = {"library": library, "size": size, "seconds": [], "peak_kib": 0}
        if library == "sequential" and workers > 1:
            continue
        if not os.path.exists(os.path.join(args.folder, "suite_" + library)):
            row["skipped"] = f"{PACKAGES.get(library, library)} was missing when this was built"
        rows.append(row)
    for turn in range(args.runs):
        # Another one begins each turn, so that none always follows the same neighbour.
        for row in rows[turn % len(rows):] + rows[:turn % len(rows)]:
            if "skipped" in row:
                continue
            show(f"{program}, {workers} worker(s): run {turn + 1} of {args.runs}, "
                 f"{TITLES[row['library']]}")
            try:
                answer = run_once(args.folder, row["library"], program, row["size"], workers,
                                  args.seconds)
            except Slow as e:
                row["skipped"] = str(e)
                continue
            row["seconds"].append(answer["seconds"])
            row["peak_kib"] = max(row["peak_kib"], answer["peak_kib"])
    trine = rows[0]
    for row in rows:
        if not row["seconds"]:
            continue
        row["median"] = statistics.median(row["seconds"])
        row["deviation"] = statistics.median(abs(s - row["median"]) for s in row["seconds"])
        tasks = TASKS[program](row["size"]), TASKS[program](trine["size"])
        row["ns_each"] = row["median"] / tasks[0] * 1e9
        if row is not trine and trine["seconds"]:
            row["ratio"] = statistics.median(
                (a / tasks[1]) / (b / tasks[0]) for a, b in zip(trine["seconds"], row["seconds"]))
    return {"program": program, "workers": workers, "rows": rows}


def find(results, program, workers, library):
    for one in results:
        if (one["program"], one["workers"]) == (program, workers):
            for row in one["rows"]:
                if row["library"] == library and row["seconds"]:
                    return row
    return None


def judge(results):
    marks = []

    def mark(text, value, met):
        marks.append({"mark": text, "value": value, "met": met})

    for program, workers, library, limit in MARKS:
        row = find(results, program, workers, library)
        if row and "ratio" in row and find(results, program, workers, "trine"):
            mark(f"{program}, {workers} worker(s): Trine <= {limit} x {TITLES[library]}",
                 row["ratio"], row["ratio"] <= limit)
    for program in PROGRAMS:
        one, two = (find(results, program, w, "trine") for w in (1, 2))
        if one and two:
            up = one["median"] / two["median"]
            mark(f"{program}: speed-up of 2 workers >= {SPEED_UP}", up, up >= SPEED_UP)
    for program in PEAK_PROGRAMS:
        peaks = [row["peak_kib"] / 1024 for w in (1, 2)
                 if (row := find(results, program, w, "trine"))]
        if peaks:
            mark(f"{program}: peak resident memory <= {PEAK_MIB} MiB", max(peaks),
                 max(peaks) <= PEAK_MIB)
    return marks


def table(report):
    out = [report["conditions"]]
    out.append(f"Medians of {report['runs']} runs in turns, a process each; dev is the median "
               "deviation, ratio Trine's time / this one's in the same turn (for each task where "
               "the sizes differ).")
    for one in report["results"]:
        out.append(f"\n{one['program']}, {one['workers']} worker(s)")
        out.append(f"  {'':14}{'size':>6}{'seconds':>10}{'dev':>8}{'min':>9}{'max':>9}"
                   f"{'ns/task':>9}{'ratio':>8}{'peak MiB':>10}")
        for row in one["rows"]:
            title = TITLES[row["library"]]
            if not row["seconds"]:
                out.append(f"  {title:14}{row['size']:>6}  skipped: {row['skipped']}")
                continue
            ratio = f"{row['ratio']:.3f}" if "ratio" in row else ""
            out.append(f"  {title:14}{row['size']:>6}{row['median']:>10.3f}"
                       f"{row['deviation']:>8.3f}{min(row['seconds']):>9.3f}"
                       f"{max(row['seconds']):>9.3f}{row['ns_each']:>9.2f}{ratio:>8}"
                       f"{row['peak_kib'] / 1024:>10.1f}")
    out.append("")
    for m in report["marks"]:
        out.append(f"  mark {'met' if m['met'] else 'MISSED'}: {m['mark']}; it is {m['value']:.3g}")
    return "\n".join(out)


def conditions(folder):
    def first(command):
        try:
            return subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0]
        except OSError:
            return ""

    cpu = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                cpu = line.split(": ", 1)[1].strip()
                break
    root = os.path.dirname(os.path.abspath(__file__))
    commit = first(["git", "-C", root, "rev-parse", "--short=12", "HEAD"]) or "unknown"
    if first(["git", "-C", root, "status", "--porcelain"]):
        commit += "+changes"
    load = " ".join(f"{x:.2f}" for x in os.getloadavg())
    flags = ""
    try:
        with open(os.path.join(folder, "suite_flags"), encoding="utf-8") as file:
            flags = file.read().strip()
    except OSError:
        pass
    return (f"{time.strftime('%Y-%m-%d', time.gmtime())} | {cpu}, {len(os.sched_getaffinity(0))} "
            f"cores | Linux {platform.release()} | {flags} | commit {commit} | load {load}")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench suite", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="JSON on stdout instead of the table")
    parser.add_argument("--runs", type=int, default=5, help="runs of each (default 5)")
    parser.add_argument("--program", action="append", choices=list(PROGRAMS), default=[],
                        help="only this program; may be repeated")
    parser.add_argument("--only", action="append", choices=LIBRARIES, default=[],
                        help="beside Trine only this library; may be repeated")
    parser.add_argument("--workers", type=int, action="append", default=[],
                        help="how many workers; may be repeated (default 1 and 2)")
    parser.add_argument("--seconds", type=float, default=60,
                        help="a run that takes longer is skipped (default 60)")
    args = parser.parse_args()
    if args.runs < 1 or any(w < 1 for w in args.workers):
        parser.error("--runs and --workers must be at least 1")

    report = {"conditions": conditions(args.folder), "runs": args.runs, "results": []}
    try:
        for program in args.program or PROGRAMS:
            for workers in args.workers or [1, 2]:
                report["results"].append(measure(args, program, workers))
    except Failed as e:
        show("")
        print(f"suite: {e}", file=sys.stderr)
        return 1
    show("")
    report["marks"] = judge(report["results"])
    print(json.dumps(report, indent=2) if args.json else table(report))
    return 0 if all(m["met"] for m in report["marks"]) else 3


if __name__ == "__main__":
    sys.exit(main())
