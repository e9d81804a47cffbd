"""ProcessPoolExecutor(N).submit(f, i).result(): a peer that bench/line_peer.hpp talks to."""
import concurrent.futures
import sys
import time


def work(i):
    return 3 * i + 1


def main():
    with concurrent.futures.ProcessPoolExecutor(int(sys.argv[1])) as pool:
        for i in range(100):  # starts the workers
            pool.submit(work, i).result()
        print("ready", flush=True)
        for line in sys.stdin:
            n = int(line)
            total = 0
            start = time.perf_counter_ns()
            for i in range(n):
                total += pool.submit(work, i).result()
            took = time.perf_counter_ns() - start
            print(took / n, total, flush=True)


if __name__ == "__main__":
    main()
