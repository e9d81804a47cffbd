// Interfaces about memory and about looking into a process.
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>

#include "os/probe.hpp"
#include "os/probe_util.hpp"

namespace trine::os {
namespace {

long open_counter(unsigned type, unsigned long long config) {
  perf_event_attr wanted{};
  wanted.size = sizeof(wanted);
  wanted.type = type;
  wanted.config = config;
  wanted.disabled = 1;
  wanted.exclude_kernel = 1;
  wanted.exclude_hv = 1;
  return ::syscall(SYS_perf_event_open, &wanted, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

}  // namespace

probe_result probe_memfd() {
  const std::string fallback = "Shared memory comes from unlinked files in /dev/shm.";
  const probe_fd memory(::memfd_create("trine-probe", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid()) {
    return answer("memfd", probe_state::no, "memfd_create: " + refusal(errno) + ".", fallback);
  }
  if (::ftruncate(memory.get(), 4096) != 0) {
    return answer("memfd", probe_state::no, "ftruncate: " + refusal(errno) + ".", fallback);
  }
  const bool sealed =
      ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
  const int error = errno;
  if (!sealed) {
    return answer("memfd", probe_state::degraded,
                  "memfd works, but its size cannot be sealed: " + refusal(error) + ".",
                  "What a process sends is copied before it is read.");
  }
  // A seal that does not hold would let a worker fault its parent by cutting the file short.
  if (::ftruncate(memory.get(), 0) == 0) {
    return answer("memfd", probe_state::degraded,
                  "memfd works, but a sealed file could be shortened.",
                  "What a process sends is copied before it is read.");
  }
  return answer("memfd", probe_state::yes, "Anonymous shared memory with a sealed size.", fallback);
}

probe_result probe_userfaultfd() {
  const std::string fallback = "Nothing is lost today: no part of Trine depends on it.";
  constexpr unsigned user_mode_only = 1;
  const probe_fd faults(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | user_mode_only));
  if (faults.valid()) {
    return answer("userfaultfd", probe_state::yes, "Page faults of user code can be handled.",
                  fallback);
  }
  return answer("userfaultfd", probe_state::no, "userfaultfd: " + refusal(errno) + ".", fallback);
}

probe_result probe_process_vm() {
  const std::string fallback =
      "Another process is looked at through the registry of units that it shares.";
  volatile long value = 42;
  long copy = 0;
  iovec into{&copy, sizeof(copy)};
  iovec from{const_cast<long*>(&value), sizeof(copy)};
  if (::process_vm_readv(::getpid(), &into, 1, &from, 1, 0) != static_cast<ssize_t>(sizeof(copy)) ||
      copy != value) {
    return answer("process_vm_readv", probe_state::no, "process_vm_readv: " + refusal(errno) + ".",
                  fallback);
  }
  const std::string scope = read_line("/proc/sys/kernel/yama/ptrace_scope").value_or("0");
  if (scope == "0") {
    return answer("process_vm_readv", probe_state::yes,
                  "Memory of processes of the same user can be read.", fallback);
  }
  if (scope == "1") {
    return answer("process_vm_readv", probe_state::degraded,
                  "Only memory of own children can be read (kernel.yama.ptrace_scope is 1).",
                  fallback);
  }
  return answer(
      "process_vm_readv", probe_state::degraded,
      "Memory of other processes needs a privilege (kernel.yama.ptrace_scope is " + scope + ").",
      fallback);
}

probe_result probe_perf_event() {
  const std::string fallback =
      "Costs are measured by clocks, getrusage and /proc; hardware counters are left out.";
  const probe_fd cycles(open_counter(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES));
  const int hardware_error = errno;
  if (cycles.valid()) {
    return answer("perf_event", probe_state::yes, "Hardware counters of this process can be read.",
                  fallback);
  }
  const std::string level =
      read_line("/proc/sys/kernel/perf_event_paranoid").value_or("not readable");
  const probe_fd switches(open_counter(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES));
  if (switches.valid()) {
    return answer("perf_event", probe_state::degraded,
                  "Software counters only; hardware counters: " + refusal(hardware_error) +
                      "; kernel.perf_event_paranoid is " + level + ".",
                  fallback);
  }
  return answer(
      "perf_event", probe_state::no,
      "perf_event_open: " + refusal(errno) + "; kernel.perf_event_paranoid is " + level + ".",
      fallback);
}

}  // namespace trine::os
