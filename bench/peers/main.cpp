// The peers that must run in a small process without Trine: fork, and a ping-pong between two
// processes. bench/line_peer.hpp says how they are asked.
#include <cstdio>
#include <cstring>

#include "peers.hpp"

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "fork") == 0) return serve_fork();
  if (argc == 4 && std::strcmp(argv[1], "ping-pong") == 0)
    return serve_ping_pong(argv[2], std::strcmp(argv[3], "spin") == 0);
  std::fputs("usage: trine_bench_peers fork | ping-pong any|one|two sleep|spin\n", stderr);
  return 2;
}
