// The command line of each peer:  PEER PROGRAM SIZE WORKERS. One line of JSON on stdout: seconds,
// result, and the most memory that was resident.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "programs.hpp"

namespace suite {

inline long peak_kib() {
  long kib = 0;
  if (std::FILE* const file = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, file) != nullptr) {
      if (std::sscanf(line, "VmHWM: %ld", &kib) == 1) break;
    }
    std::fclose(file);
  }
  return kib;
}

// with_workers(n, work): calls work() where it may fork, on n workers.
template <class Fork, class WithWorkers>
int main_of(int argc, char** argv, WithWorkers with_workers) {
  constexpr const char* names[] = {"fib", "skynet", "nqueens", "matmul", "uts"};
  constexpr int small[] = {15, 3, 6, 64, 4};  // to start threads and touch the code
  int which = 0;
  while (which < 5 && (argc != 4 || std::strcmp(argv[1], names[which]) != 0)) ++which;
  if (which == 5) {
    std::fprintf(stderr, "usage: %s fib|skynet|nqueens|matmul|uts SIZE WORKERS\n", argv[0]);
    return 2;
  }
  const auto chosen = static_cast<program>(which);
  const int size = std::atoi(argv[2]);
  std::uint64_t result = 0;
  double seconds = 0;
  with_workers(
      std::atoi(argv[3]), std::function<void()>([&] {
        run<Fork>(chosen, small[which]);
        const auto start = std::chrono::steady_clock::now();
        result = run<Fork>(chosen, size);
        seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      }));
  std::printf("{\"seconds\": %.6f, \"result\": %llu, \"peak_kib\": %ld}\n", seconds,
              static_cast<unsigned long long>(result), peak_kib());
  return 0;
}

}  // namespace suite
