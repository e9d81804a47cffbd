// Threads that Trine makes take no signals: those are for the host's own threads. Faults stay with
// who causes them.
#pragma once

#include <csignal>
#include <initializer_list>

namespace trine::os {

// Blocks while in scope; threads made meanwhile inherit the mask.
class block_signals {
 public:
  block_signals() noexcept {
    sigset_t all;
    sigfillset(&all);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF})
      sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~block_signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  block_signals(const block_signals&) = delete;
  block_signals& operator=(const block_signals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace trine::os
