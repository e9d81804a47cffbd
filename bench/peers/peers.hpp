// What trine_bench_peers can serve; each returns the exit code.
#pragma once

int serve_fork();
// cores: "any" leaves it to the kernel, "one" pins both to CPU 0, "two" to CPUs 0 and 1.
int serve_ping_pong(const char* cores, bool spin);
