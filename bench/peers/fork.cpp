// fork, _exit and waitpid; the child's result comes back as its exit code.
#include <sys/wait.h>
#include <unistd.h>

#include "../harness.hpp"
#include "../line_peer.hpp"
#include "peers.hpp"

namespace {

double run(long n, long& sum) {
  const bench::stopwatch clock;
  for (int i = 0; i < n; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(static_cast<int>(bench::work(i) & 0x7f));
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 0;
    if (WEXITSTATUS(status) == (bench::work(i) & 0x7f)) sum += bench::work(i);
  }
  return clock.ns_each(n);
}

}  // namespace

int serve_fork() { return bench::line_peer::serve(run); }
